# The published files run on any processor type, so they are built on the builder's own.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /src

# Packages come first: this layer is rebuilt only when a version or a reference changes.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/DemoIam/DemoIam.csproj src/DemoIam/packages.lock.json src/DemoIam/
COPY src/IamGateway/IamGateway.csproj src/IamGateway/packages.lock.json src/IamGateway/
COPY src/Iamgw/Iamgw.csproj src/Iamgw/packages.lock.json src/Iamgw/
RUN dotnet restore src/IamGateway/IamGateway.csproj --locked-mode && dotnet restore src/Iamgw/Iamgw.csproj --locked-mode

# .editorconfig holds the severities that the build checks the code with.
COPY .editorconfig appsettings.Production.json ./
COPY .config/ .config/
COPY src/ src/
RUN dotnet publish src/IamGateway/IamGateway.csproj -c Release --no-restore -o /app -p:UseAppHost=false -p:Sbom=true -p:ContinuousIntegrationBuild=true \
 && dotnet publish src/Iamgw/Iamgw.csproj -c Release --no-restore -o /app/cli -p:UseAppHost=false -p:ContinuousIntegrationBuild=true \
 && mkdir /state

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiselled
# The command line comes along, for jobs that steer the gateway: dotnet /app/cli/iamgw.dll
COPY --from=build /app /app
# A volume mounted here belongs to the image's user. As the working directory it holds what IamGateway:Store:StateFile names.
COPY --from=build --chown=$APP_UID:$APP_UID /state /var/lib/iamgateway
WORKDIR /var/lib/iamgateway

# The listeners come from Kestrel:Endpoints; the base image's own port setting would only add a warning.
ENV DOTNET_ENVIRONMENT=Production \
    ASPNETCORE_ENVIRONMENT=Production \
    ASPNETCORE_HTTP_PORTS=
EXPOSE 8080 8081
USER $APP_UID

# The image has neither shell nor curl, so the gateway asks its own admin listener.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["dotnet", "/app/IamGateway.dll", "healthcheck"]
ENTRYPOINT ["dotnet", "/app/IamGateway.dll"]
