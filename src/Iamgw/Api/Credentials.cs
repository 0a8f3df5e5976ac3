using System.Net.Http.Headers;

namespace Iamgw.Api;

/// <summary>Who asks. It comes from the environment or a file, because arguments are seen by everybody.</summary>
internal sealed record Credentials(string Source, string? Key, string? Token, string? Warning)
{
    public const string KeyVariable = "IAMGW_API_KEY";
    public const string FileVariable = "IAMGW_API_KEY_FILE";
    public const string TokenVariable = "IAMGW_TOKEN";
    public const string DefaultFile = "~/.config/iamgw/key";

    /// <summary>What to do when there are none.</summary>
    public const string Advice =
        $"set {KeyVariable}, {FileVariable} or {TokenVariable}, or put an API key into {DefaultFile}";

    public bool IsNone => Key is null && Token is null;

    public static Credentials Read(Surroundings surroundings)
    {
        if (surroundings.Variable(KeyVariable) is { } key)
            return new Credentials(KeyVariable, Checked(key, KeyVariable), null, null);
        if (surroundings.Variable(FileVariable) is { } file)
            return OfFile(file, FileVariable);
        if (surroundings.Variable(TokenVariable) is { } token)
            return new Credentials(TokenVariable, null, Checked(token, TokenVariable), null);
        var standard = Path.Combine(surroundings.Home, ".config", "iamgw", "key");
        return File.Exists(standard)
            ? OfFile(standard, DefaultFile)
            : new Credentials("none", null, null, null);
    }

    public void AddTo(HttpRequestHeaders headers)
    {
        if (Key is not null)
            headers.Add("X-Api-Key", Key);
        if (Token is not null)
            headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
    }

    private static Credentials OfFile(string file, string source)
    {
        try
        {
            return new Credentials(source, Checked(File.ReadAllText(file), file), null, Warn(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Usage, $"The API key cannot be read from {file}: {e.Message}");
        }
    }

    private static string? Warn(string file)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite
            | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        return !OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Others) != 0
            ? $"{file} can be read or written by other users; chmod 600 {file}"
            : null;
    }

    // A header takes visible ASCII only, and the sentence must not show what else there is.
    private static string Checked(string value, string source)
    {
        var trimmed = value.Trim();
        return trimmed.Length > 0 && trimmed.All(c => c is > ' ' and <= '~')
            ? trimmed
            : throw new Failure(
                ExitCode.Usage, $"{source} does not hold a key or token: it must be one line of visible characters.");
    }
}
