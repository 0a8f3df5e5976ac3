using IamGateway.Sessions;

namespace IamGateway.Forwarding;

/// <summary>Where a session lives that is in the memory of one instance.</summary>
internal sealed partial class GatewayRequest
{
    private List<string>? _left;

    /// <summary>The instance that its session lives on; null: none is known, or any of the version will do.</summary>
    public string? Place { get; set; }

    /// <summary>The name under which the place was found.</summary>
    public SessionKey PlaceName { get; set; }

    /// <summary>Instances that could not be reached, so that its session cannot live there any more.</summary>
    public IReadOnlyList<string> Left => _left ?? [];

    public void Leave(string instance) => (_left ??= []).Add(instance);
}
