using System.Security.Cryptography;
using System.Text;
using IamGateway.Configuration;
using IamGateway.Routing;
using Microsoft.AspNetCore.DataProtection;

namespace IamGateway.WebConsole;

/// <summary>
/// Keeps what goes to the OpenID provider and comes back (state, nonce) such that any replica can read it and nobody
/// else: with a key of the secret that replicas share and the client's secret.
/// </summary>
internal sealed class ConsoleProtection(GatewaySettings settings, Replica replica, string purpose = "iamgateway oidc 1")
    : IDataProtector
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    // Each purpose with its length, so that no two lists of them read the same.
    public IDataProtector CreateProtector(string next) =>
        new ConsoleProtection(settings, replica, $"{purpose}/{next.Length}:{next}");

    public byte[] Protect(byte[] plaintext)
    {
        var result = new byte[NonceSize + plaintext.Length + TagSize];
        var nonce = result.AsSpan(0, NonceSize);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = Cipher();
        cipher.Encrypt(
            nonce, plaintext, result.AsSpan(NonceSize, plaintext.Length), result.AsSpan(^TagSize..));
        return result;
    }

    public byte[] Unprotect(byte[] protectedData)
    {
        if (protectedData.Length < NonceSize + TagSize)
            throw new CryptographicException("It is too short.");
        var result = new byte[protectedData.Length - NonceSize - TagSize];
        using var cipher = Cipher();
        cipher.Decrypt(
            protectedData.AsSpan(0, NonceSize), protectedData.AsSpan(NonceSize, result.Length),
            protectedData.AsSpan(^TagSize..), result);
        return result;
    }

    private AesGcm Cipher() => new(
        HKDF.DeriveKey(
            HashAlgorithmName.SHA256, replica.View.Secret, 32,
            Encoding.UTF8.GetBytes(settings.Options.Admin.Oidc!.ClientSecret!), Encoding.UTF8.GetBytes(purpose)),
        TagSize);
}
