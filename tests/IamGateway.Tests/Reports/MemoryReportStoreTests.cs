using IamGateway.Reports;

namespace IamGateway.Tests.Reports;

public sealed class MemoryReportStoreTests : ReportStoreContract
{
    private protected override ValueTask<IReportStore> CreateAsync() => new(new MemoryReportStore());
}
