using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;
using IamGateway.Configuration;
using IamGateway.Recording;
using IamGateway.Sessions;
using Microsoft.Extensions.Configuration;

namespace IamGateway.Tests.Sessions;

/// <summary>
/// Whatever clients and instances send, the parsers neither throw nor take more memory than a small multiple of it, and
/// find what was put in. fuzz-corpus.txt holds inputs that are tried every time; IAMGATEWAY_FUZZ_CASES says how many
/// more for each parser, IAMGATEWAY_FUZZ_SEED repeats a run.
/// </summary>
public sealed partial class FuzzTests(ITestOutputHelper output)
{
    private const long FixedBytes = 64 * 1024;
    private const long BytesPerCharacter = 64;
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly byte[] Secret = [1, 2, 3];
    private static readonly int Cases = (int)Number("IAMGATEWAY_FUZZ_CASES", 1_000);
    private static readonly ulong Seed = Number("IAMGATEWAY_FUZZ_SEED", (ulong)Random.Shared.NextInt64());

    private static readonly string[] Corpus =
    [
        .. Repository.Read("tests/IamGateway.Tests/Sessions/fuzz-corpus.txt").Split('\n')
            .Where(l => l.Length > 0 && l[0] != '#')
            .Select(l => Escape().Replace(l, m => $"{(char)Convert.ToUInt16(m.Groups[1].Value, 16)}")),
    ];

    private static readonly Gen<string> Values = Gen.String[Gen.Char['!', '~'], 1, 30];

    private static readonly HandleExtractor[] Extractors =
        [.. new[] { "Jwt:sid", "Part:.:0", "Part:.:1", "Part:::3", "SignedRoute", "Except:none" }.Select(Extractor)];

    private static readonly Witness Witness = CreateWitness();
    private static readonly SessionKey Handle = SessionKey.Of(Secret, "session", "handle");
    private static readonly string Signed = Witness.Value(Handle, Handle, 2);

    private static readonly IssuedBody Bodies = new(
        new SessionRules([Rule(HandleIssue.JsonField), Rule(HandleIssue.FormPostField)], []), new GatewayMetrics());

    private static ulong Number(string variable, ulong otherwise) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number)
            ? number
            : otherwise;

    private static HandleExtractor Extractor(string text) =>
        HandleExtractor.TryParse(text, out var extractor) ? extractor! : throw new ArgumentException(text);

    private static SessionRule Rule(HandleIssue issue) =>
        new("rule", HandleSource.None, null, null, default, issue, "code", default, null);

    private static Witness CreateWitness()
    {
        var problems = new ConfigurationProblems();
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["IamGateway:Versions:Initial"] = "8.2.1",
            ["IamGateway:Sessions:0:Name"] = "session",
            ["IamGateway:Sessions:0:Cookie"] = "IAM_SESSION",
            ["IamGateway:Witness:Enabled"] = "true",
            ["IamGateway:Witness:Keys:0"] = Convert.ToBase64String(new byte[32]),
        }).Build();
        return new Witness(GatewaySettingsReader.Read(configuration, "Production", problems)
            ?? throw new InvalidOperationException(string.Join('\n', problems.Lines)));
    }

    /// <summary>The corpus, then as many generated texts; each with a value that is to be found again.</summary>
    private void Try(string delimiters, Action<string, string> check)
    {
        var texts = TextGen.Hostile(delimiters);
        var pcg = new PCG(1, Seed);
        for (var i = 0; i < Corpus.Length + Cases; i++)
        {
            var text = i < Corpus.Length ? Corpus[i] : texts.Generate(pcg, null, out _);
            var value = Values.Generate(pcg, null, out _);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                check(text, value);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException(
                    $"Seed {Seed}, case {i}: {JsonSerializer.Serialize(text)} with {value}", e);
            }

            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            // The first of them make what the library keeps.
            if (i >= Corpus.Length && bytes > FixedBytes + BytesPerCharacter * text.Length)
                Assert.Fail($"Seed {Seed}, case {i} takes {bytes} bytes: {JsonSerializer.Serialize(text)}");
        }

        output.WriteLine($"fuzzed {Corpus.Length + Cases} cases, seed {Seed}");
    }

    private static void Check(bool holds)
    {
        if (!holds)
            throw new InvalidOperationException("A property does not hold.");
    }

    [Fact]
    public void Cookie_Written_IsFoundAndWithoutItTheOthersStay() => Try(";= \"sx", (text, value) =>
    {
        value = value.Replace(";", "", StringComparison.Ordinal).Trim('"');
        var header = $"{text};secret={value}; {text}";
        var isFound = false;
        for (var cookies = new CookieHeader(header); cookies.MoveNext();)
            isFound |= cookies.Name is "secret" && cookies.Value.SequenceEqual(value);
        Check(isFound);
        var without = CookieHeader.Without(header, static name => name is "secret");
        var all = new CookieHeader(header);
        var left = new CookieHeader(without);
        while (all.MoveNext())
        {
            if (all.Name is "secret")
                continue;
            Check(left.MoveNext() && left.Name.SequenceEqual(all.Name) && left.Value.SequenceEqual(all.Value));
        }

        Check(!left.MoveNext());
        Check(ReferenceEquals(header, CookieHeader.Without(header, static _ => false)));
    });

    [Fact]
    public void SetCookie_WithAnyAttributes_HasItsNameAndValue() => Try(";=, -:\"", (text, value) =>
    {
        SetCookieHeader.TryParse(text, Now, out _);
        value = value.Replace(";", "", StringComparison.Ordinal).Trim('"');
        Check(SetCookieHeader.TryParse($"s={value};{text}", Now, out var cookie)
            && cookie.Name is "s" && cookie.Value.SequenceEqual(value));
        Check(SetCookieHeader.TryParse($"s={value};{text.Replace(';', ' ')};max-age=0", Now, out var ended)
            && ended.Expires);
    });

    [Fact]
    public void Form_Parameter_IsFoundDecoded() => Try("&=%+;c", (text, value) =>
    {
        SessionRules.FindParameter(text, "code");
        var other = text.Contains('c', StringComparison.Ordinal) || text.Contains('%', StringComparison.Ordinal);
        if (!other)
            Check(SessionRules.FindParameter($"{text}&code={Uri.EscapeDataString(value)}&{text}", "code") == value);
        Check(SessionRules.FindParameter($"c%6fde={Uri.EscapeDataString(value)}&{text}", "code") == value);
    });

    [Fact]
    public void Location_Parameter_IsFoundBehindTheRightMark() => Try("?#&=%/", (text, value) =>
    {
        var (query, fragment) = (Rule(HandleIssue.LocationQuery), Rule(HandleIssue.LocationFragment));
        IssuedNames.InLocation(text, query);
        IssuedNames.InLocation(text, fragment);
        var written = Uri.EscapeDataString(value);
        Check(IssuedNames.InLocation($"https://a/?code={written}&{text}", query) == value);
        Check(IssuedNames.InLocation($"https://a/?code=x#code={written}&{text}", fragment) == value);
        Check(IssuedNames.InLocation($"https://a/#?code={written}", query) is null);
    });

    [Fact]
    public void Json_TopLevelField_IsFoundAndTheBodyPassedOn() => Try("{}[]\":,\\ cu0", (text, value) =>
    {
        Read("application/json", text);
        Read("application/json", $"{{\"code\":\"{text}\"}}");
        var body = $"{{\"x\":{JsonSerializer.Serialize(text)},\"code\":{JsonSerializer.Serialize(value)}}}";
        Check(Read("application/json", body) is [var handle] && handle.Key == SessionKey.Of(Secret, "rule", value));
    });

    [Fact]
    public void Page_HiddenInput_IsFoundAndThePagePassedOn() => Try("<>\"'=/ &;n", (text, value) =>
    {
        Read("text/html", text);
        Read("text/html", $"<input {text}name=code{text}value={text}>");
        IssuedBody.Attribute($"<input {text}>", "value");
        var page = $"{text.Replace('<', ' ')}<input name=\"code\" value=\"{WebUtility.HtmlEncode(value)}\">{text}";
        Check(Read("text/html", page) is [var first, ..] && first.Key == SessionKey.Of(Secret, "rule", value));
    });

    private static List<Handle>? Read(string type, string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        using var content = new ByteArrayContent(bytes);
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using var response = new HttpResponseMessage { Content = content };
        var issued = Bodies.ReadAsync("/", response, Secret, null, CancellationToken.None).AsTask();
        // Nothing is waited for: all of it is in memory.
        Check(issued.IsCompleted);
        return issued.GetAwaiter().GetResult();
    }

    [Fact]
    public void Extractors_AnyValue_TakeAPartOfItOrNothing() => Try("..:=-_e", (text, value) =>
    {
        foreach (var extractor in Extractors)
            Check(!extractor.TryExtract(text, out var name) || !string.IsNullOrEmpty(name));
        Check(Extractors[1].TryExtract($"{value.Replace('.', '_')}.{text}", out var part)
            && part == value.Replace('.', '_'));
        var payload = $"{{\"a\":{JsonSerializer.Serialize(text)},\"sid\":{JsonSerializer.Serialize(value)}}}";
        var encoded = System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload));
        Check(Extractors[0].TryExtract($"e.{encoded}.{text}", out var claim) && claim == value);
        var broken = System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{{\"sid\":{text}"));
        Extractors[0].TryExtract($"e.{broken}.", out _);
    });

    [Fact]
    public void Witness_AnythingButWhatWasSigned_SaysNothing() => Try("-_A=", (text, value) =>
    {
        Check(!Witness.TryVerify(text, Handle, 2, out _, out _));
        var at = value[0] * 7 % Signed.Length;
        var other = $"{Signed[..at]}{value}{text}"[..Math.Min(Signed.Length, at + value.Length + text.Length)];
        other += Signed[other.Length..];
        Check(Witness.TryVerify(other, Handle, 2, out _, out _) == (other == Signed));
        Check(Witness.TryVerify(Signed, Handle, 2, out var root, out _) && root == Handle);
    });

    [GeneratedRegex(@"\\u([0-9a-f]{4})")]
    private static partial Regex Escape();
}
