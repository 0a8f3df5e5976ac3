namespace IamGateway.Tests.Cli;

/// <summary>What the admin API answers about a gateway in the middle of an upgrade.</summary>
internal static class SomeAnswers
{
    public const string Versions = """
        [{"version":"8.2.1","state":"active","weight":75,"instances":2,"sessions":1204,"inFlight":3},
         {"version":"8.3.0","state":"active","weight":25,"instances":2,"sessions":388,"inFlight":1}]
        """;

    public const string Replicas = """
        [{"id":"11","name":"gw-1:8081","startedAt":"2026-03-01T03:00:00+00:00","acknowledgedRevision":9,
          "forgotten":false,"self":true},
         {"id":"12","name":"gw-2:8081","startedAt":"2026-03-01T03:00:00+00:00","acknowledgedRevision":9,
          "forgotten":false,"self":false}]
        """;

    public const string Instances = """
        [{"id":"new-1","address":"http://10.0.0.3:8080/","version":"8.3.0","reportedVersion":"8.3.0","health":"healthy",
          "state":"active","inFlight":1,"sessions":null},
         {"id":"new-2","address":"http://10.0.0.4:8080/","version":"8.3.0","reportedVersion":"8.3.0","health":"healthy",
          "state":"active","inFlight":0,"sessions":null},
         {"id":"old-1","address":"http://10.0.0.1:8080/","version":"8.2.1","reportedVersion":null,"health":"unknown",
          "state":"active","inFlight":2,"sessions":null},
         {"id":"old-2","address":"http://10.0.0.2:8080/","version":"8.2.1","reportedVersion":"8.2.1","health":"healthy",
          "state":"active","inFlight":1,"sessions":null}]
        """;

    public const string Weights = """{"weights":{"8.2.1":75,"8.3.0":25},"revision":9}""";

    public const string Events = """
        [{"id":"41","at":"2026-03-01T03:00:00+00:00","who":"ops","what":"weights.set","from":"8.2.1=100",
          "to":"8.2.1=75","result":"ok","revision":8}]
        """;

    public static readonly string Status = $$"""
        {"replica":{"id":"11","name":"gw-1:8081","startedAt":"2026-03-01T03:00:00+00:00","acknowledgedRevision":9,
         "forgotten":false,"self":true},"revision":9,"phase":"active","ready":true,
         "store":{"kind":"redis","up":true,"generation":"8b6ba632","queued":0},"newestActive":"8.3.0","rollout":null,
         "versions":{{Versions}}}
        """;

    /// <summary>A rollout at its second step of four.</summary>
    /// <param name="state">Its state.</param>
    /// <param name="reason">The reason of its last transition.</param>
    /// <param name="fields">Fields that it has, too.</param>
    public static string Rollout(
        string state = "progressing", string reason = "step 2 of 4", string fields = "") => $$"""
        {"id":"95130d8a","from":"8.2.1","to":"8.3.0","state":"{{state}}","existingSessions":"migrate",
         "schemaUpgraded":true,"allowSkip":false,"createdAt":"2026-03-01T03:00:00+00:00","createdBy":"ops",
         "updatedAt":"2026-03-01T03:10:00+00:00","executor":"gw-1:8081","revision":9,"step":1,
         "steps":[{"weight":5,"hold":"10m","state":"done","startedAt":"2026-03-01T03:00:00+00:00",
                   "endedAt":"2026-03-01T03:10:05+00:00"},
                  {"weight":25,"hold":"10m","state":"current","startedAt":"2026-03-01T03:10:05+00:00"},
                  {"weight":50,"hold":"manual","state":"pending"},{"weight":100,"hold":"0s","state":"pending"}],
         "analysis":{"maxErrorRate":0.01,"maxP99Ratio":2,"minRequests":200,"maxRefusalRate":0.01,"onFailure":"pause"},
         "measurements":{"old":{"version":"8.2.1","requests":12345,"errorRate":0.0002,"p99":0.034},
                         "new":{"version":"8.3.0","requests":4112,"errorRate":0.051,"p99":0.036},
                         "refusals":0,"violations":0},
         "drainDeadline":"8h",
         "preconditions":[{"name":"store","passed":true,"detail":"The store is up."}],
         "transitions":[{"at":"2026-03-01T03:00:00+00:00","state":"checking","who":"ops","reason":"asked for",
                         "revision":8},
                        {"at":"2026-03-01T03:10:05+00:00","state":"{{state}}","who":"gateway","reason":"{{reason}}",
                         "revision":9}]{{(fields.Length > 0 ? "," + fields : "")}}}
        """;
}
