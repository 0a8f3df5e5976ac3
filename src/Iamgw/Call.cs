using System.CommandLine;
using Iamgw.Api;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Iamgw;

/// <summary>One command that is carried out.</summary>
internal sealed class Call : IDisposable
{
    // Wide enough for every table, so that what is read by programs is never broken into two lines.
    private const int UnlimitedWidth = 1000;
    private readonly ParseResult _parsed;
    private readonly Uri _address;
    private AdminClient? _client;

    public Call(Surroundings surroundings, ParseResult parsed, Uri address, bool isJson)
    {
        Surroundings = surroundings;
        _parsed = parsed;
        _address = address;
        IsJson = isJson;
        Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = surroundings.IsOutputTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = surroundings.IsOutputTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = surroundings.IsOutputTerminal ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(surroundings.Out),
            EnvironmentVariables = surroundings.Environment.ToDictionary(),
        });
        if (!surroundings.IsOutputTerminal)
            Console.Profile.Width = UnlimitedWidth;
    }

    public Surroundings Surroundings { get; }

    public bool IsJson { get; }

    public IAnsiConsole Console { get; }

    public TimeProvider Time => Surroundings.Time;

    public AdminClient Client => _client ??= Connect();

    public T? Value<T>(Option<T> option) => _parsed.GetValue(option);

    public T? Value<T>(Argument<T> argument) => _parsed.GetValue(argument);

    /// <summary>A line for a person; with --json nothing.</summary>
    public void Say(string markup)
    {
        if (!IsJson)
            Console.MarkupLine(markup);
    }

    /// <summary>Writes a table or the like; to a file or program without the spaces that fill its lines.</summary>
    public void Show(IRenderable picture)
    {
        if (Surroundings.IsOutputTerminal)
        {
            Console.Write(picture);
            return;
        }

        var options = RenderOptions.Create(Console, Console.Profile.Capabilities);
        foreach (var line in Segment.SplitLines(picture.Render(options, UnlimitedWidth)))
            Surroundings.Out.WriteLine(string.Concat(line.Select(s => s.Text)).TrimEnd());
    }

    /// <summary>The API's JSON as it came.</summary>
    public void Print(Answer answer) => Surroundings.Out.WriteLine(answer.Body);

    /// <summary>With --json prints the API's JSON, and nothing else is to be shown.</summary>
    public bool PrintsJson(Answer answer)
    {
        if (IsJson)
            Print(answer);
        return IsJson;
    }

    public void Warn(string sentence) => Surroundings.Error.WriteLine(sentence);

    public string At(DateTimeOffset at) => Iamgw.Show.At(at, Time);

    /// <summary>A table without lines, that reads well and is easily cut into fields.</summary>
    public static Table Table(params (string Name, bool IsNumber)[] columns)
    {
        var table = new Table().NoBorder();
        foreach (var (name, isNumber) in columns)
        {
            var column = new TableColumn(new Markup($"[bold]{Markup.Escape(name)}[/]")).NoWrap().Padding(0, 0, 2, 0);
            table.AddColumn(isNumber ? column.RightAligned() : column);
        }

        return table;
    }

    private AdminClient Connect()
    {
        var credentials = Credentials.Read(Surroundings);
        if (credentials.Warning is { } warning)
            Warn($"warning: {warning}");
        return new AdminClient(_address, credentials, Time);
    }

    public void Dispose() => _client?.Dispose();
}
