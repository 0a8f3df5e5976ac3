using IamGateway.Rollouts;

namespace IamGateway.Configuration;

/// <summary>Reports what is wrong with the section <c>IamGateway:Rollout</c>, beyond its versions.</summary>
internal static class RolloutOptionsChecker
{
    private const string Section = "IamGateway:Rollout";
    private const int MinSecret = 16;

    public static void Check(RolloutOptions options, ConfigurationProblems problems)
    {
        if (options.SchemaCheckUrl is { } schema)
            CheckUrl(schema, $"{Section}:SchemaCheckUrl", problems);
        CheckTimeout(options.SchemaCheckTimeout, $"{Section}:SchemaCheckTimeout", problems);
        if (options.MinimumRecording < TimeSpan.Zero || options.MinimumRecording > TimeSpan.FromDays(90))
        {
            problems.Add(
                $"{Section}:MinimumRecording",
                $"{options.MinimumRecording} is out of range; it must be from 00:00:00 to 90.00:00:00.");
        }

        foreach (var (index, hook) in options.Webhooks.Index())
            CheckWebhook(hook, $"{Section}:Webhooks:{index}", problems);
        foreach (var (index, gate) in options.Gates.Index())
        {
            CheckUrl(gate.Url, $"{Section}:Gates:{index}:Url", problems);
            CheckTimeout(gate.Timeout, $"{Section}:Gates:{index}:Timeout", problems);
        }
    }

    private static void CheckWebhook(WebhookOptions hook, string key, ConfigurationProblems problems)
    {
        CheckUrl(hook.Url, $"{key}:Url", problems);
        if (hook.Secret is not { Length: >= MinSecret })
        {
            problems.Add(
                $"{key}:Secret", $"it must have at least {MinSecret} characters: openssl rand -base64 32.");
        }

        var names = Enum.GetNames<RolloutStatus>();
        foreach (var name in hook.Events.Where(e => !names.Contains(e, StringComparer.OrdinalIgnoreCase)))
        {
            problems.Add(
                $"{key}:Events",
                $"'{name}' is no state of a rollout; known are {string.Join(", ", names).ToLowerInvariant()}.");
        }
    }

    // The text is not repeated: such addresses often hold a token.
    private static void CheckUrl(string? text, string key, ConfigurationProblems problems)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")
            || url is not { UserInfo: "", Fragment: "" })
            problems.Add(key, "it must be an absolute http or https URL without user and fragment.");
    }

    private static void CheckTimeout(TimeSpan value, string key, ConfigurationProblems problems)
    {
        var (low, high) = (TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        if (value < low || value > high)
            problems.Add(key, $"{value} is out of range; it must be from {low} to {high}.");
    }
}
