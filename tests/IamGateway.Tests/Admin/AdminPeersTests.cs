using System.Net;
using IamGateway.Admin;
using IamGateway.Configuration;
using IamGateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace IamGateway.Tests.Admin;

public sealed class AdminPeersTests
{
    private static AdminPeers Peers(string? host = null)
    {
        var options = new GatewayOptions();
        options.Admin.TrustedProxies.AddRange(["10.1.0.0/16", "192.0.2.7", "2001:db8::/32"]);
        if (host is not null)
            options.Admin.AllowedHosts.Add(host);
        return new AdminPeers(new GatewaySettings(options, [], new SessionRules([], []), [], null, null, null));
    }

    private static DefaultHttpContext From(string address, string? forwardedFor = null)
    {
        var http = new DefaultHttpContext();
        http.Connection.RemoteIpAddress = IPAddress.Parse(address);
        if (forwardedFor is not null)
            http.Request.Headers["X-Forwarded-For"] = forwardedFor;
        return http;
    }

    [Theory]
    [InlineData("10.1.200.3", true)]
    [InlineData("::ffff:10.1.200.3", true)]
    [InlineData("10.2.0.1", false)]
    [InlineData("192.0.2.7", true)]
    [InlineData("192.0.2.8", false)]
    [InlineData("2001:db8::1", true)]
    [InlineData("2001:db9::1", false)]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", true)]
    public void Peer_IsATrustedProxy_OnlyByConfigurationOrOnThisMachine(string address, bool expected) =>
        Assert.Equal(expected, Peers().IsTrustedProxy(From(address)));

    [Theory]
    [InlineData("198.51.100.1", "203.0.113.9", "198.51.100.1")]
    [InlineData("10.1.0.1", "203.0.113.9", "203.0.113.9")]
    [InlineData("10.1.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9")]
    [InlineData("10.1.0.1", "nonsense", "10.1.0.1")]
    [InlineData("10.1.0.1", null, "10.1.0.1")]
    [InlineData("2001:db9:1:2:3:4:5:6", null, "20010db900010002")]
    public void Client_IsWhatATrustedProxySays_ElseThePeer(string address, string? forwardedFor, string expected) =>
        Assert.Equal(expected, Peers().ClientOf(From(address, forwardedFor)));

    [Theory]
    [InlineData("gateway.example", true)]
    [InlineData("GATEWAY.example:8081", true)]
    [InlineData("evil.example", false)]
    [InlineData("10.0.0.1:8081", true)]
    [InlineData("[::1]:8081", true)]
    [InlineData("localhost", true)]
    [InlineData("", false)]
    public void Host_WithNamesConfigured_IsOneOfThemOrAnAddress(string host, bool expected) =>
        Assert.Equal(expected, Peers("gateway.example").IsAllowed(new HostString(host)));

    [Fact]
    public void Host_WithoutNames_IsAny() => Assert.True(Peers().IsAllowed(new HostString("evil.example")));
}
