using IamGateway.Pins;
using IamGateway.Sessions;
using StackExchange.Redis;

namespace IamGateway.Tests.Pins;

/// <summary>Where a session's entry is in Redis: the prefix, a colon and the 16 bytes of its name.</summary>
internal static class RedisKeys
{
    public static RedisKey Of(RedisConnection redis, SessionKey key)
    {
        var bytes = new byte[SessionKey.Size];
        key.Write(bytes);
        return (byte[])[.. System.Text.Encoding.UTF8.GetBytes(redis.KeyPrefix + ":"), .. bytes];
    }
}
