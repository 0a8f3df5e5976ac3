using IamGateway;

return args switch
{
    ["healthcheck", .. var rest] => await HealthCheck.RunAsync(rest),
    _ => await GatewayHost.RunAsync(args),
};
