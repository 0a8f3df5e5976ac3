using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using IamGateway.Configuration;
using IamGateway.Forwarding;
using IamGateway.Pins;
using IamGateway.Routing;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Sessions;

/// <summary>
/// A signed cookie that tells any replica that a session is final, and which record it has: for speed, and while the
/// store is away. No part of the guarantee's argument: what it says is only ever that the session is at the newest
/// version. One cookie for each kind of session cookie, so that a user's and an admin's live side by side. A request
/// that another site made the browser send may carry it alone (SameSite None): then it tells the version all the same.
/// </summary>
internal sealed class Witness
{
    private const int PayloadSize = SessionKey.Size + sizeof(int) + SessionKey.Size;
    private const int Size = PayloadSize + HMACSHA256.HashSizeInBytes;
    private static readonly byte[] Purpose = "iamgateway witness 2"u8.ToArray();
    private readonly SessionRules _rules;
    private readonly WitnessOptions _options;
    private volatile byte[][] _keys = [];
    private readonly string?[] _names;
    private readonly int[] _cookies;

    public Witness(GatewaySettings settings)
    {
        _rules = settings.Sessions;
        _options = settings.Options.Witness;
        UseKeys(_options.Keys);
        _names = [.. _rules.All.Select(r => r.Source == HandleSource.Cookie ? Name(r) : null)];
        _cookies = [.. _names.Index().Where(n => n.Item is not null).DistinctBy(n => n.Item).Select(n => n.Index)];
    }

    public bool IsEnabled => _options.Enabled;

    /// <summary>From now on the first signs, and only these verify.</summary>
    public void UseKeys(IEnumerable<string> keys) => _keys = [.. keys.Select(Convert.FromBase64String)];

    /// <summary>The most bytes of a request's headers that are the gateway's own cookies.</summary>
    public int Room => IsEnabled ? _cookies.Sum(i => _names[i]!.Length + Base64Url.GetEncodedLength(Size) + 3) : 0;

    // The rule's name may hold what a cookie's may not.
    private string Name(SessionRule rule)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(rule.Name));
        return $"{_options.CookieName}-{Convert.ToHexStringLower(hash.AsSpan(0, 4))}";
    }

    /// <summary>Remembers the sessions that the request's witnesses show to be final.</summary>
    public void Learn(HttpRequest http, GatewayRequest request, RoutingView view)
    {
        if (!IsEnabled || view.Final == 0 || !view.IsStrict)
            return;
        // A browser that has lost the session begins with a page and not with a form.
        if (request.HandleCount == 0 && HttpMethods.IsPost(http.Method) && _options.SameSite == "None")
            request.WitnessedAt = Array.Exists(
                _cookies, i => TryRead(http, _names[i]!, null, view.Final, out _, out _)) ? view.Final : 0;
        for (var i = 0; i < request.HandleCount; i++)
        {
            var handle = request[i];
            if (_names[handle.Rule] is not { } name
                || view.Names.TryGet(handle.Key, out var known) && known.Final == view.Final
                || !TryRead(http, name, handle.Key, view.Final, out var root, out var byFirstKey))
                continue;
            view.Names.Set(handle.Key, new NameCache.Entry(root, view.Final, known.ExtendedAt));
            if (byFirstKey)
                request.Witnessed = handle.Key;
        }
    }

    private bool TryRead(
        HttpRequest http, string name, SessionKey? handle, int ordinal, out SessionKey root, out bool byFirstKey)
    {
        root = default;
        byFirstKey = false;
        foreach (var header in http.Headers.Cookie)
        {
            var cookies = new CookieHeader(header);
            while (cookies.MoveNext())
            {
                if (cookies.Name.SequenceEqual(name)
                    && TryVerify(cookies.Value, handle, ordinal, out root, out byFirstKey))
                    return true;
            }
        }

        return false;
    }

    /// <summary>
    /// True if the value was signed here for this handle (null: for any) at this version; else it says nothing.
    /// </summary>
    public bool TryVerify(
        ReadOnlySpan<char> value, SessionKey? handle, int ordinal, out SessionKey root, out bool byFirstKey)
    {
        root = default;
        byFirstKey = false;
        Span<byte> token = stackalloc byte[Size];
        if (value.Length != Base64Url.GetEncodedLength(Size)
            || Base64Url.DecodeFromChars(value, token, out _, out var length) != OperationStatus.Done || length != Size)
            return false;
        var match = -1;
        var keys = _keys;
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        for (var i = 0; i < keys.Length; i++)
        {
            Sign(keys[i], token[..PayloadSize], mac);
            if (CryptographicOperations.FixedTimeEquals(mac, token[PayloadSize..]))
                match = i;
        }

        var signedFor = SessionKey.Read(token[(SessionKey.Size + sizeof(int))..]);
        if (match < 0 || BinaryPrimitives.ReadInt32BigEndian(token[SessionKey.Size..]) != ordinal
            || handle is { } own && own != signedFor)
            return false;
        root = SessionKey.Read(token);
        byFirstKey = match == 0;
        return true;
    }

    /// <summary>The value for a handle of a session that is final at a version, signed with the first key.</summary>
    public string Value(SessionKey handle, SessionKey root, int ordinal)
    {
        Span<byte> token = stackalloc byte[Size];
        root.Write(token);
        BinaryPrimitives.WriteInt32BigEndian(token[SessionKey.Size..], ordinal);
        handle.Write(token[(SessionKey.Size + sizeof(int))..]);
        Sign(_keys[0], token[..PayloadSize], token[PayloadSize..]);
        return Base64Url.EncodeToString(token);
    }

    private static void Sign(byte[] key, ReadOnlySpan<byte> payload, Span<byte> mac)
    {
        Span<byte> signed = stackalloc byte[Purpose.Length + PayloadSize];
        Purpose.CopyTo(signed);
        payload.CopyTo(signed[Purpose.Length..]);
        HMACSHA256.HashData(key, signed, mac);
    }

    /// <summary>
    /// Gives the client the witness of a session that is known to be final, for the handle that it has from now on;
    /// takes it away from one that has logged out or was ended.
    /// </summary>
    public void Issue(HttpContext http, GatewayRequest request, RoutingView view)
    {
        if (!IsEnabled)
            return;
        foreach (var i in _cookies)
        {
            var name = _names[i]!;
            var handle = HandleOf(request, name);
            if (request.Refusal == RefusalCode.None && view.Final != 0 && view.IsStrict && handle is { } key
                && view.Names.TryGet(key, out var entry) && entry.Final == view.Final)
            {
                if (request.Witnessed != key)
                    Set(http, i, name, Value(key, entry.Root ?? key, view.Final), ends: false);
            }
            else if (handle is null && request.WitnessedAt == 0 && http.Request.Cookies.ContainsKey(name))
            {
                Set(http, i, name, "", ends: true);
            }
        }
    }

    // Rules of one name share a cookie, as they share their handles.
    private SessionKey? HandleOf(GatewayRequest request, string name)
    {
        foreach (var issued in request.Issued ?? [])
        {
            if (_names[issued.Rule] == name)
                return issued.Key;
        }

        for (var i = 0; i < request.HandleCount && !request.LoggedOut; i++)
        {
            if (_names[request[i].Rule] == name)
                return request[i].Key;
        }

        return null;
    }

    private void Set(HttpContext http, int rule, string name, string value, bool ends) =>
        http.Response.Headers.Append("Set-Cookie", Cookie(rule, name, value, ends, http.Request.IsHttps));

    private string Cookie(int rule, string name, string value, bool ends, bool isHttps)
    {
        var path = _rules.All[rule].Path;
        return $"{name}={value}; Path={(path.HasValue ? path.Value : "/")}; HttpOnly; SameSite={_options.SameSite}"
            // Browsers take None with Secure only; https may end before the gateway.
            + (isHttps || _options.SameSite == "None" ? "; Secure" : "")
            + (ends ? "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0" : "");
    }

    /// <summary>
    /// Takes the witnesses out of a Cookie header; null: nothing is left of it. The same string: there was none.
    /// </summary>
    public string? Without(string cookies) => cookies.Contains(_options.CookieName, StringComparison.Ordinal)
        ? CookieHeader.Without(cookies, IsOwn)
        : cookies;

    private bool IsOwn(ReadOnlySpan<char> name)
    {
        foreach (var own in _names)
        {
            if (name.SequenceEqual(own))
                return true;
        }

        return false;
    }
}
