using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json;
using OpenIddict.Abstractions;

namespace IamGateway.Tests.Oidc.OpenIddict;

/// <summary>
/// Any of OpenIddict's four stores. Their interfaces are long lists of GetFieldAsync and SetFieldAsync, which are all
/// the same here, and a few calls that find and keep records.
/// </summary>
[SuppressMessage("Performance", "CA1852", Justification = "The proxy is a type that is made of it at run time.")]
internal class RecordStore : DispatchProxy
{
    private static readonly MethodInfo AsTaskOfMethod =
        typeof(RecordStore).GetMethod(nameof(AsTaskOf), BindingFlags.NonPublic | BindingFlags.Static)!;

    private IRecordKeeper _keeper = null!;

    public static TStore Over<TStore>(IRecordKeeper keeper)
        where TStore : class
    {
        var store = Create<TStore, RecordStore>();
        ((RecordStore)(object)store)._keeper = keeper;
        return store;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var (method, first, second) = (targetMethod!, args![0], args.ElementAtOrDefault(1));
        switch (method.Name)
        {
            case "InstantiateAsync":
                return new ValueTask<StoredRecord>(new StoredRecord());
            case "CreateAsync" or "UpdateAsync":
                return new ValueTask(_keeper.WriteAsync((StoredRecord)first!));
            case "DeleteAsync":
                return new ValueTask(_keeper.DeleteAsync((StoredRecord)first!));
            case "GetIdAsync":
                return new ValueTask<string?>(((StoredRecord)first!).Id);
            case "FindByIdAsync":
                return new ValueTask<StoredRecord?>(_keeper.FindAsync((string)first!));
        }

        if (first is StoredRecord record && method.Name.StartsWith("Get", StringComparison.Ordinal))
            return AsTaskOfMethod.MakeGenericMethod(method.ReturnType.GetGenericArguments()).Invoke(
                null, [record[method.Name[3..^5]]]);
        if (first is StoredRecord changed && method.Name.StartsWith("Set", StringComparison.Ordinal))
        {
            changed[method.Name[3..^5]] = second;
            return ValueTask.CompletedTask;
        }

        if (method.Name.StartsWith("FindBy", StringComparison.Ordinal) && first is string value)
        {
            return method.ReturnType == typeof(ValueTask<StoredRecord?>)
                ? new ValueTask<StoredRecord?>(FirstAsync(method.Name[6..^5], value))
                : ByAsync(method.Name[6..^5], value);
        }

        return method.Name.StartsWith("RevokeBy", StringComparison.Ordinal)
            ? new ValueTask<long>(RevokeAsync(method.Name[8..^5], (string)first!))
            : throw new NotSupportedException($"{method.DeclaringType?.Name}.{method.Name}");
    }

    private async Task<StoredRecord?> FirstAsync(string field, string value)
    {
        await foreach (var record in ByAsync(field, value))
            return record;
        return null;
    }

    private async IAsyncEnumerable<StoredRecord> ByAsync(string field, string value)
    {
        foreach (var id in await _keeper.IdsAsync(field, value))
        {
            if (await _keeper.FindAsync(id) is { } record)
                yield return record;
        }
    }

    private async Task<long> RevokeAsync(string field, string value)
    {
        var count = 0;
        await foreach (var record in ByAsync(field, value))
        {
            record["Status"] = OpenIddictConstants.Statuses.Revoked;
            await _keeper.WriteAsync(record);
            count++;
        }

        return count;
    }

    private static ValueTask<T?> AsTaskOf<T>(object? value) => new(value switch
    {
        T typed => typed,
        JsonElement json => json.Deserialize<T>(),
        // An immutable array that nobody has made is not empty but broken.
        _ when typeof(T) == typeof(ImmutableArray<string>) => (T)(object)ImmutableArray<string>.Empty,
        _ => default,
    });
}
