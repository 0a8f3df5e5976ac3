namespace IamGateway.Tests.Edge.Desync;

/// <summary>
/// A request that HTTP/2 and HTTP/3 can carry, and what becomes of it: its status, "reset" for its stream, or "goaway"
/// for the connection, which HTTP/3 leaves as it is (RFC 9114, section 4.1.2).
/// </summary>
internal sealed record Downgrade(
    string Outcome, (string, string)[]? More = null, string? Body = null, string Path = "/a",
    string? Method = null, string? Scheme = null, string Authority = "a", (string, string)[]? Trailers = null)
{
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    // Name; outcome; header fields: "path" and others replace the usual pseudo-header fields; body; trailers.
    public static readonly IReadOnlyDictionary<string, Downgrade> All = new Dictionary<string, Downgrade>
    {
        ["plain"] = new("200"),
        ["body"] = new("200", Body: "hello"),
        ["body with its length"] = new("200", [("content-length", "5")], "hello"),
        ["body that is a request"] = new("200", Body: Smuggled),
        ["length above the data"] = new("reset", [("content-length", "50")], Smuggled),
        ["length below the data"] = new("reset", [("content-length", "5")], Smuggled),
        ["length 0 and data"] = new("reset", [("content-length", "0")], Smuggled),
        ["length and no data"] = new("reset", [("content-length", "5")]),
        ["length with a sign"] = new("200", [("content-length", "+5")], "hello"),
        ["length with a space"] = new("goaway", [("content-length", "5 ")], "hello"),
        ["length twice"] = new("goaway", [("content-length", "5"), ("content-length", "5")], "hello"),
        ["length twice, different"] = new("goaway", [("content-length", "5"), ("content-length", "0")], "hello"),
        ["length list"] = new("goaway", [("content-length", "5,5")], "hello"),
        ["transfer-encoding"] = new("400", [("transfer-encoding", "chunked")], "0\r\n\r\n" + Smuggled),
        ["transfer-encoding in capitals"] = new("goaway", [("Transfer-Encoding", "chunked")], "0\r\n\r\n" + Smuggled),
        ["transfer-encoding with a space"] = new("400", [("transfer-encoding ", "chunked")], "0\r\n\r\n" + Smuggled),
        ["connection"] = new("goaway", [("connection", "close")]),
        ["keep-alive"] = new("400", [("keep-alive", "timeout=5")]),
        ["proxy-connection"] = new("400", [("proxy-connection", "close")]),
        ["upgrade"] = new("400", [("upgrade", "websocket")]),
        ["te"] = new("goaway", [("te", "gzip")]),
        ["te trailers"] = new("200", [("te", "trailers")]),
        ["CR LF in a value"] = new("goaway", [("x", "y\r\ntransfer-encoding: chunked")], "0\r\n\r\n" + Smuggled),
        ["LF in a value"] = new("goaway", [("x", "y\ntransfer-encoding: chunked")], "0\r\n\r\n" + Smuggled),
        ["CR in a value"] = new("goaway", [("x", "y\rz")]),
        ["NUL in a value"] = new("goaway", [("x", "y\0z")]),
        ["CR LF in a name"] = new("400", [("x: y\r\ntransfer-encoding", "chunked")], "0\r\n\r\n"),
        ["colon in a name"] = new("400", [("transfer-encoding: chunked\r\nx", "y")], "0\r\n\r\n"),
        ["space in a name"] = new("400", [("x y", "z")]),
        ["capital in a name"] = new("goaway", [("X", "y")]),
        ["empty name"] = new("goaway", [("", "y")]),
        ["request in the path"] = new("goaway", Path: "/a HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled"),
        ["space in the path"] = new("400", Path: "/a /smuggled"),
        ["LF in the path"] = new("goaway", Path: "/a\nb"),
        ["NUL in the path"] = new("goaway", Path: "/a\0"),
        ["escaped CR LF in the path"] = new("200", Path: "/a%0d%0ab"),
        ["fragment in the path"] = new("200", Path: "/a#b"),
        ["empty path"] = new("reset", Path: ""),
        ["absolute path"] = new("reset", Path: "http://b/smuggled"),
        ["path without a slash"] = new("reset", Path: "a"),
        ["asterisk"] = new("reset", Path: "*"),
        ["two paths"] = new("goaway", [(":path", "/smuggled")]),
        ["request in the method"] = new("goaway", Method: "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nGET"),
        ["space in the method"] = new("reset", Method: "GET /smuggled"),
        ["empty method"] = new("reset", Method: ""),
        ["CONNECT"] = new("reset", Method: "CONNECT"),
        ["TRACE"] = new("200", Method: "TRACE"),
        ["CR LF in the scheme"] = new("goaway", Scheme: "http\r\nx: y"),
        ["scheme that is an address"] = new("reset", Scheme: "http://b/smuggled"),
        ["CR LF in the authority"] = new("goaway", Authority: "a\r\nx: y"),
        ["path in the authority"] = new("reset", Authority: "a/b"),
        ["user in the authority"] = new("reset", Authority: "a@b"),
        ["no authority"] = new("200", Authority: ""),
        ["host beside the authority"] = new("200", [("host", "a")]),
        ["another host beside the authority"] = new("200", [("host", "b")]),
        ["unknown pseudo-header"] = new("goaway", [(":x", "y")]),
        ["status in a request"] = new("goaway", [(":status", "200")]),
        ["pseudo-header behind others"] = new("goaway", [("x", "y"), (":path", "/smuggled")]),
        ["cookies apart"] = new("200", [("cookie", "a=b"), ("cookie", "c=d")]),
        ["expect"] = new("200", [("expect", "100-continue")], "hello"),
        ["unknown expect"] = new("200", [("expect", "something")], "hello"),
        ["trailers"] = new("200", Body: "hello", Trailers: [("x", "y")]),
        ["pseudo-header in trailers"] = new("goaway", Body: "hello", Trailers: [(":path", "/smuggled")]),
        ["CR LF in trailers"] = new("200", Body: "hello", Trailers: [("x", "y\r\n\r\n" + Smuggled)]),
        ["length in trailers"] = new("200", Body: "hello", Trailers: [("content-length", "0")]),
    };

    public string OutcomeInHttp3 => Outcome == "goaway" ? "reset" : Outcome;

    public IEnumerable<(string Name, string Value)> Fields(string scheme) =>
    [
        (":method", Method ?? (Body is null ? "GET" : "POST")), (":scheme", Scheme ?? scheme), (":path", Path),
        (":authority", Authority), .. More ?? [],
    ];
}
