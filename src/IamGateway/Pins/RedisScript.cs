using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace IamGateway.Pins;

/// <summary>
/// A script that is called by its digest (EVALSHA). Given its text the library would look the digest up with each call,
/// which goes through the whole text.
/// </summary>
internal sealed class RedisScript(string text)
{
#pragma warning disable CA5350 // The name that Redis has for a script, and no protection.
    private readonly byte[] _digest = SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350

    public async Task<RedisResult> EvaluateAsync(IDatabase database, RedisKey[] keys, RedisValue[] values)
    {
        try
        {
            return await database.ScriptEvaluateAsync(_digest, keys, values);
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            // Nothing was carried out. Given the text, the library loads it first.
            return await database.ScriptEvaluateAsync(text, keys, values);
        }
    }
}
