using System.Collections;
using System.Text.Json.Serialization;
using IamGateway.Admin;
using Iamgw.Api;

namespace IamGateway.Tests.Cli;

/// <summary>The command line shares no code with the gateway, so that these hold the two together.</summary>
public sealed class ContractTests
{
    [Theory]
    [InlineData(typeof(Status), typeof(StatusReply))]
    [InlineData(typeof(Weights), typeof(WeightsReply))]
    [InlineData(typeof(Instance), typeof(InstanceReply))]
    [InlineData(typeof(Session), typeof(SessionReply))]
    [InlineData(typeof(Event), typeof(EventReply))]
    [InlineData(typeof(Rollout), typeof(RolloutReply))]
    [InlineData(typeof(RolloutOrder), typeof(RolloutBody))]
    public void Fields_OfTheCommandLine_AreThoseOfTheGateway(Type ours, Type theirs)
    {
        var fields = Fields(ours).ToArray();

        Assert.NotEmpty(fields);
        Assert.Empty(fields.Except(Fields(theirs)));
    }

    private static IEnumerable<string> Fields(Type type, string path = "")
    {
        foreach (var property in type.GetProperties())
        {
            // What is computed has no setter and is no field.
            if (property.GetCustomAttributes(typeof(JsonIgnoreAttribute), true).Length > 0 || !property.CanWrite)
                continue;
            var name = property.GetCustomAttributes(typeof(JsonPropertyNameAttribute), true)
                .Cast<JsonPropertyNameAttribute>().FirstOrDefault()?.Name ?? property.Name;
            var field = $"{path}.{name}".ToLowerInvariant();
            yield return field;
            var inner = property.PropertyType;
            if (inner.IsGenericType && typeof(IEnumerable).IsAssignableFrom(inner))
                inner = inner.GetGenericArguments()[^1];
            if (inner.Namespace is "Iamgw.Api" or "IamGateway.Admin" or "IamGateway.Rollouts")
            {
                foreach (var below in Fields(inner, field))
                    yield return below;
            }
        }
    }
}
