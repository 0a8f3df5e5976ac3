namespace Iamgw.Doctor;

internal enum FindingKind
{
    Ok,
    Note,
    Wrong,
}

/// <param name="Check">What was looked at.</param>
/// <param name="Result">Fine, worth to know, or wrong.</param>
/// <param name="Detail">What was found, in one sentence.</param>
/// <param name="Fix">What to do about it.</param>
internal sealed record Finding(string Check, FindingKind Result, string Detail, string? Fix = null)
{
    public static Finding Ok(string check, string detail) => new(check, FindingKind.Ok, detail);

    public static Finding Note(string check, string detail, string? fix = null) =>
        new(check, FindingKind.Note, detail, fix);

    public static Finding Wrong(string check, string detail, string fix) =>
        new(check, FindingKind.Wrong, detail, fix);
}
