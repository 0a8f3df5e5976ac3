namespace IamGateway.Sessions;

/// <summary>Why places of a request where a handle was expected gave none.</summary>
[Flags]
internal enum IgnoredHandles
{
    None = 0,

    /// <summary>The percent-encoding of a parameter is invalid.</summary>
    Undecodable = 1,

    /// <summary>A parameter is given several times; the first one counts.</summary>
    Duplicate = 2,

    /// <summary>The value does not have the form that the rule's extractor reads.</summary>
    Malformed = 4,
}
