using Iamgw;

return await Cli.RunAsync(args, Surroundings.OfThisProcess());
