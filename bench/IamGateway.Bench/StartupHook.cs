/// <summary>
/// Runs inside the .NET programs that are measured (DOTNET_STARTUP_HOOKS), before them: for each byte that comes
/// through the pipe BENCH_PROBE it tells through the pipe beside it how many bytes the process has allocated so far.
/// Not by a socket, for with its first socket the runtime settles how it handles all of them. The runtime wants this
/// name.
/// </summary>
internal static class StartupHook
{
    public const string AnswerSuffix = ".answer";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable("BENCH_PROBE") is not { } path)
            return;
        new Thread(() =>
        {
            using var questions = Open(path);
            using var answers = Open(path + AnswerSuffix);
            while (questions.ReadByte() >= 0)
                answers.Write(BitConverter.GetBytes(GC.GetTotalAllocatedBytes(precise: true)));
        })
        { IsBackground = true }.Start();
    }

    /// <summary>Opened for both directions, so that neither side waits for the other or sees an end.</summary>
    public static FileStream Open(string pipe) =>
        new(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
}
