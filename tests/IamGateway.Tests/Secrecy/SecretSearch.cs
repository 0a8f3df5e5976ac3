using System.Numerics;

namespace IamGateway.Tests.Secrecy;

/// <summary>
/// Finds many secrets at once in a text of any length, in bounded memory: a filter knows the hashes of all beginnings;
/// where one of them stands, the whole is compared.
/// </summary>
internal sealed class SecretSearch
{
    private const int Room = 1 << 20;
    private const int Context = 60;

    // So many bits for each secret, that one window of sixteen at most is compared for nothing.
    private const int FilterBits = 16;
    private readonly SecretMark[] _secrets;
    private readonly ulong[] _filter;
    private readonly int _shift;

    public SecretSearch(SecretMark[] sorted)
    {
        _secrets = sorted;
        var bits = Math.Max(64, BitOperations.RoundUpToPowerOf2((ulong)sorted.Length * FilterBits));
        _filter = new ulong[bits / 64];
        _shift = 64 - BitOperations.Log2(bits);
        foreach (var secret in sorted)
        {
            var (word, bit) = Place(secret.Beginning);
            _filter[word] |= bit;
        }
    }

    /// <summary>Each secret that stands in the text, with a bit of what stands before.</summary>
    public IEnumerable<(string Secret, string Before)> Find(TextReader text)
    {
        var found = new HashSet<SecretMark>();
        var buffer = new char[Room];
        var length = 0;
        while (true)
        {
            var read = text.ReadBlock(buffer, length, buffer.Length - length);
            length += read;
            foreach (var (secret, at) in Find(buffer.AsSpan(0, length)))
            {
                if (found.Add(secret))
                    yield return (new string(buffer, at, secret.Length), Before(buffer, at));
            }

            if (read == 0)
                yield break;
            // What may be the beginning of one that goes on in the next part.
            var rest = Math.Min(length, Secrets.MaxLength);
            buffer.AsSpan(length - rest, rest).CopyTo(buffer);
            length = rest;
        }
    }

    private static string Before(char[] buffer, int at)
    {
        var begin = Math.Max(0, at - Context);
        return new string(buffer, begin, at - begin);
    }

    private List<(SecretMark Secret, int At)> Find(ReadOnlySpan<char> text)
    {
        var all = new List<(SecretMark, int)>();
        if (text.Length < Secrets.MinLength)
            return all;
        var hash = SecretMark.HashOf(text);
        for (var at = 0; ; at++)
        {
            var (word, bit) = Place(hash);
            if ((_filter[word] & bit) != 0)
                Compare(hash, text, at, all);
            var end = at + Secrets.MinLength;
            if (end == text.Length)
                return all;
            hash = SecretMark.Moved(hash, text[at], text[end]);
        }
    }

    // The low bits of the hash know little of the window.
    private (int Word, ulong Bit) Place(ulong hash)
    {
        var place = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93 >> _shift;
        return ((int)(place / 64), 1ul << (int)(place % 64));
    }

    // Those of one beginning are of few lengths.
    private void Compare(ulong beginning, ReadOnlySpan<char> text, int at, List<(SecretMark, int)> all)
    {
        var next = IndexOf(SecretMark.OfLength(0, beginning));
        while (next < _secrets.Length && _secrets[next].Beginning == beginning)
        {
            var length = _secrets[next].Length;
            if (length <= text.Length - at)
            {
                var here = SecretMark.Of(text.Slice(at, length));
                if (Array.BinarySearch(_secrets, here) >= 0)
                    all.Add((here, at));
            }

            next = IndexOf(SecretMark.OfLength(length + 1, beginning));
        }
    }

    private int IndexOf(SecretMark mark)
    {
        var index = Array.BinarySearch(_secrets, mark);
        return index >= 0 ? index : ~index;
    }
}
