using System.Text.Json;

namespace Iamgw.Api;

/// <summary>What the gateway answered, as it came.</summary>
internal sealed record Answer(int Status, string Body, bool IsJson)
{
    public T Read<T>()
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(Body, AdminClient.Options) ?? throw Strange();
        }
        catch (JsonException)
        {
            throw Strange();
        }
    }

    /// <summary>A success; else this throws.</summary>
    public Answer Checked(AdminClient client) => Status is >= 200 and < 300 && (IsJson || Body.Length == 0)
        ? this
        : throw Problems.Of(this, client);

    private static Failure Strange() =>
        new(ExitCode.Unreachable, "The answer is not one of the gateway's admin API; is it of another version?");
}
