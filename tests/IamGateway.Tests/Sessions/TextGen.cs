using CsCheck;

namespace IamGateway.Tests.Sessions;

/// <summary>Texts that parsers must survive.</summary>
internal static class TextGen
{
    /// <summary>
    /// Any characters, lone surrogates too, with the parser's own delimiters far more often than by chance.
    /// </summary>
    public static Gen<string> Hostile(string delimiters) => Gen.String[
        Gen.Frequency(
            (4, Gen.Char[delimiters]), (4, Gen.Char.AlphaNumeric), (1, Gen.Char), (1, Gen.Char['\ud800', '\udfff'])),
        0,
        120];
}
