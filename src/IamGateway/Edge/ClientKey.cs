using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace IamGateway.Edge;

/// <summary>
/// Who counts as one client: an IPv4 address, or the /64 of an IPv6 address, which a single host has to itself
/// (RFC 6177).
/// </summary>
internal readonly record struct ClientKey(ulong Network, bool IsIPv6)
{
    public static ClientKey Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (address.IsIPv4MappedToIPv6)
        {
            address.TryWriteBytes(bytes, out _);
            return new ClientKey(BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]), false);
        }

        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? new ClientKey(BinaryPrimitives.ReadUInt64BigEndian(bytes), true)
            : new ClientKey(BinaryPrimitives.ReadUInt32BigEndian(bytes), false);
    }

    /// <summary>The IPv4 address, or the IPv6 network in hex.</summary>
    public override string ToString()
    {
        if (IsIPv6)
            return Network.ToString("x16", CultureInfo.InvariantCulture);
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Network);
        return new IPAddress(bytes).ToString();
    }
}
