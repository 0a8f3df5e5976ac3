using System.Text.Json;
using System.Text.Json.Serialization;

namespace IamGateway.Admin;

/// <summary>Reads a JSON body; what does not fit becomes one sentence that names the field.</summary>
internal static class AdminBody
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        NumberHandling = JsonNumberHandling.Strict,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    public static async Task<(T? Value, IResult? Problem)> ReadAsync<T>(HttpContext http)
        where T : class
    {
        if (!http.Request.HasJsonContentType())
            return (null, AdminProblems.Of(415, "unsupported_media_type", "Send the body as application/json."));
        try
        {
            var value = await JsonSerializer.DeserializeAsync<T>(http.Request.Body, Options, http.RequestAborted);
            return value is null
                ? (null, AdminProblems.BadField("The body is null; send a JSON object."))
                : (value, null);
        }
        catch (JsonException e)
        {
            return (null, AdminProblems.BadField(Sentence<T>(e)));
        }
        catch (BadHttpRequestException e)
        {
            return (null, AdminProblems.Of(e.StatusCode, "bad_request", e.Message));
        }
    }

    private static string Sentence<T>(JsonException e)
    {
        var path = e.Path is { Length: > 2 } ? e.Path[2..] : "the body";
        var known = string.Join(
            ", ", Holder(typeof(T), path).GetProperties().Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)));
        if (e.Message.Contains("could not be mapped", StringComparison.Ordinal))
            return $"{path} is no field here; known are {known}.";
        if (e.Message.Contains("uplicate", StringComparison.Ordinal))
            return $"{path} is given twice; give it once.";
        return e.Message.Contains("could not be converted", StringComparison.Ordinal)
            ? $"{path} has the wrong type; known fields are {known}."
            : $"The body is not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.";
    }

    /// <summary>The type of the object that the last field of a path belongs to.</summary>
    private static Type Holder(Type type, string path)
    {
        foreach (var field in path.Split('.')[..^1])
        {
            var property = Array.Find(
                type.GetProperties(), p => JsonNamingPolicy.CamelCase.ConvertName(p.Name) == field.Split('[')[0]);
            if (property is null)
                break;
            type = property.PropertyType.GenericTypeArguments is [.., var element] ? element : property.PropertyType;
        }

        return type;
    }
}
