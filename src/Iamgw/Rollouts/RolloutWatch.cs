using Iamgw.Api;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Iamgw.Rollouts;

/// <summary>
/// Watches a rollout to its end: live in a terminal, in lines elsewhere, with --json each resource that is new.
/// </summary>
internal sealed class RolloutWatch(Call call, string id)
{
    private IReadOnlyList<VersionRow> _versions = [];
    private Rollout? _rollout;
    private string? _json;
    private string? _note;
    private long _seen = call.Time.GetTimestamp();

    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        // The first look fails at once: there is nothing to wait for at a wrong address.
        await LookAsync(cancellation);
        if (call.IsJson)
            await ToEndAsync(JsonLine(), cancellation);
        else if (call.Surroundings.IsOutputTerminal)
            await LiveAsync(cancellation);
        else
            await ToEndAsync(Lines(), cancellation);
        return _rollout?.IsTakenBack == true ? ExitCode.RolloutTakenBack : ExitCode.Ok;
    }

    private Task LiveAsync(CancellationToken cancellation) =>
        call.Console.Live(Text.Empty).Overflow(VerticalOverflow.Crop).StartAsync(context =>
            ToEndAsync(() => context.UpdateTarget(View(call, _rollout!, _versions, _note)), cancellation));

    /// <summary>The largest view that fits into the terminal; what is higher would scroll and not be redrawn.</summary>
    public static IRenderable View(Call call, Rollout rollout, IReadOnlyList<VersionRow> versions, string? note)
    {
        var profile = call.Console.Profile;
        var view = new RolloutView(
            rollout, versions, call.Time.GetUtcNow() + call.Client.Skew, call.Time, profile.Width,
            profile.Capabilities.Unicode);
        if (!call.Surroundings.IsOutputTerminal)
            return view.Render(note, RolloutView.Sizes[0]);
        var options = RenderOptions.Create(call.Console, profile.Capabilities);
        return RolloutView.Sizes.Select(s => view.Render(note, s))
            .FirstOrDefault(v => Segment.SplitLines(v.Render(options, profile.Width)).Count < profile.Height)
            ?? view.Render(note, RolloutView.Sizes[^1]);
    }

    private Action Lines()
    {
        var lines = new RolloutLines(call.Time);
        return () =>
        {
            foreach (var line in lines.Of(_rollout!, _versions, call.Time.GetUtcNow() + call.Client.Skew))
                call.Console.MarkupLine(line);
            call.Surroundings.Out.Flush();
        };
    }

    private Action JsonLine()
    {
        string? printed = null;
        return () =>
        {
            if (printed == _json)
                return;
            printed = _json;
            call.Surroundings.Out.WriteLine(_json);
            call.Surroundings.Out.Flush();
        };
    }

    private async Task ToEndAsync(Action show, CancellationToken cancellation)
    {
        show();
        while (!_rollout!.IsEnded)
        {
            await Task.Delay(call.Surroundings.Refresh, call.Time, cancellation);
            await TryLookAsync(cancellation);
            show();
        }
    }

    // A gateway that is restarted comes back; the rollout goes on without anybody who watches.
    private async Task TryLookAsync(CancellationToken cancellation)
    {
        try
        {
            await LookAsync(cancellation);
        }
        catch (Failure failure) when (failure.ExitCode is ExitCode.Unreachable or ExitCode.Refused
            && call.Time.GetElapsedTime(_seen) < call.Surroundings.Patience)
        {
            _note = $"no answer for {Show.Span(call.Time.GetElapsedTime(_seen))}: {failure.Message}";
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        // Asking for the versions counts their sessions, so that the drain has the same figures as the table.
        if (!call.IsJson)
            _versions = await VersionsAsync(call, cancellation);
        var answer = await call.Client.GetAsync($"api/v1/rollouts/{AdminClient.Part(id)}", cancellation);
        var rollout = answer.Read<Rollout>();
        (_rollout, _json, _note) = (rollout, answer.Body, null);
        _seen = call.Time.GetTimestamp();
    }

    /// <summary>The versions with their sessions counted; none while the store is away.</summary>
    public static async Task<IReadOnlyList<VersionRow>> VersionsAsync(Call call, CancellationToken cancellation)
    {
        try
        {
            return (await call.Client.GetAsync("api/v1/versions", cancellation)).Read<List<VersionRow>>();
        }
        catch (Failure failure) when (failure.ExitCode == ExitCode.Refused)
        {
            return [];
        }
    }
}
