using Microsoft.Extensions.Logging;

namespace IamGateway.Routing;

internal sealed partial class Replica
{
    private static partial class Log
    {
        [LoggerMessage(3000, LogLevel.Information, "Replica '{Name}' is registered as {Id} at revision {Revision}.")]
        public static partial void Registered(ILogger logger, string name, long id, long revision);

        [LoggerMessage(3001, LogLevel.Warning, "The store is away: {Reason}")]
        public static partial void StoreAway(ILogger logger, string reason);

        [LoggerMessage(3002, LogLevel.Error, "Following the routing state failed; it is tried again.")]
        public static partial void FollowFailed(ILogger logger, Exception exception);

        [LoggerMessage(3003, LogLevel.Warning, "The routing state was changed by '{What}' to revision {Revision}.")]
        public static partial void StateChanged(ILogger logger, string what, long revision);

        [LoggerMessage(3004, LogLevel.Critical, "Replica '{Name}' was forgotten; it refuses sessions and ends.")]
        public static partial void Forgotten(ILogger logger, string name);

        [LoggerMessage(
            3005, LogLevel.Warning, "Replica '{Name}' leaves while the store is away; forget it through the API.")]
        public static partial void LeftWithoutStore(ILogger logger, string name);

        [LoggerMessage(
            3006, LogLevel.Error, "This replica serves no session. IamGateway:Store:HashKey: {Reason}")]
        public static partial void HashKeyDiffers(ILogger logger, string reason);

        [LoggerMessage(
            3007, LogLevel.Warning,
            "IamGateway:Store:HashKey is another one than before: every session has another name from now on.")]
        public static partial void HashKeyExchanged(ILogger logger);
    }
}
