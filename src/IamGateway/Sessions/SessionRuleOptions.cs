namespace IamGateway.Sessions;

/// <summary>
/// One entry of <c>IamGateway:Sessions</c>: a kind of handle, where requests carry it and where responses hand it out.
/// </summary>
internal sealed class SessionRuleOptions
{
    /// <summary>A tested list of rules that this entry stands for: AirlockIam, Keycloak or OpenIdConnect.</summary>
    public string? Preset { get; set; }

    /// <summary>The rule's name; part of the key, so rules of one name share their handles.</summary>
    public string? Name { get; set; }

    /// <summary>Requests carry the handle in this cookie.</summary>
    public string? Cookie { get; set; }

    /// <summary>Requests carry the handle in this header.</summary>
    public string? Header { get; set; }

    /// <summary>The authentication scheme before the handle in <see cref="Header"/>, for example Bearer.</summary>
    public string? Scheme { get; set; }

    /// <summary>Requests carry the handle in this query parameter.</summary>
    public string? Query { get; set; }

    /// <summary>Requests carry the handle in this field of a form body.</summary>
    public string? Form { get; set; }

    /// <summary>Only requests under this path carry the handle; compared segment by segment.</summary>
    public string? Path { get; set; }

    /// <summary>Responses hand the handle out in this cookie. Default for a Cookie rule: the same name.</summary>
    public string? SetCookie { get; set; }

    /// <summary>Responses hand the handle out in this query parameter of Location.</summary>
    public string? LocationQuery { get; set; }

    /// <summary>Responses hand the handle out in this parameter of the fragment of Location.</summary>
    public string? LocationFragment { get; set; }

    /// <summary>Responses hand the handle out in this top-level field of a JSON body.</summary>
    public string? JsonField { get; set; }

    /// <summary>
    /// Responses hand the handle out in the hidden input of this name on a page that posts itself (form_post).
    /// </summary>
    public string? FormPostField { get; set; }

    /// <summary>Only responses to requests under this path hand the handle out; required with JsonField.</summary>
    public string? IssuedAt { get; set; }

    /// <summary>
    /// How long the store keeps a name of this kind after it was last seen. Longer than the handle lives; default:
    /// SessionTtl.
    /// </summary>
    public TimeSpan? Lifetime { get; set; }

    /// <summary>
    /// Reads the session's name out of the value itself: Jwt:CLAIM, Part:SEPARATOR:INDEX, SignedRoute, Except:VALUE.
    /// Handles whose parts agree are then one.
    /// </summary>
    public string? Extract { get; set; }
}
