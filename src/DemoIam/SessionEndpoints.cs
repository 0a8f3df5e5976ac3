using System.Buffers;
using System.Net.WebSockets;
using System.Security.Cryptography;

namespace DemoIam;

/// <summary>Endpoints that work on the session of the cookie.</summary>
internal static class SessionEndpoints
{
    private const int LongestWait = 600_000;
    private const int BufferSize = 16 * 1024;

    public static void Map(IEndpointRouteBuilder routes, DemoIamInstance instance)
    {
        Get("/", r => Task.FromResult(Reply.Html(Pages.Home(r))));
        Get("/login", LoginPageAsync);
        Post("/login", LoginAsync);
        Get("/otp", r => Task.FromResult(
            r.Session?.User is null ? Reply.Redirect("/login") : Reply.Html(Pages.Otp(r.Instance, null))));
        Post("/otp", OtpAsync);
        Get("/logout", LogoutAsync);
        Post("/logout", LogoutAsync);
        Get("/rotate", RotateAsync);
        Get("/api/me", r => Task.FromResult(Me(r)));
        Get("/api/touch", TouchAsync);
        Get("/slow", TouchAsync);
        Get("/stream", StreamAsync);
        Get("/ws", WebSocketAsync);
        Post("/echo", EchoAsync);
        Post("/upload", UploadAsync);

        void Get(string path, Func<SessionRequest, Task<Reply>> work) =>
            routes.MapGet(path, context => WithCookieAsync(context, instance, work));

        void Post(string path, Func<SessionRequest, Task<Reply>> work) =>
            routes.MapPost(path, context => WithCookieAsync(context, instance, work));
    }

    public static Task WithCookieAsync(
        HttpContext context, DemoIamInstance instance, Func<SessionRequest, Task<Reply>> work) =>
        RunAsync(context, instance, NameKind.Cookie, context.Request.Cookies[instance.Options.CookieName], work);

    /// <summary>Begin, work, end, and only then the answer.</summary>
    public static async Task RunAsync(
        HttpContext context,
        DemoIamInstance instance,
        NameKind kind,
        string? name,
        Func<SessionRequest, Task<Reply>> work)
    {
        var request = new SessionRequest(context, instance);
        Reply reply;
        try
        {
            await request.OpenAsync(kind, name);
            if (instance.Options.ExtraLatency > TimeSpan.Zero)
                await Task.Delay(instance.Options.ExtraLatency, CancellationToken.None);
            reply = instance.NextFails()
                ? Reply.Problem(500, "injected", "This instance was told to fail now and then.")
                : await work(request);
        }
        catch (StateTooNewException exception)
        {
            reply = Reply.Problem(
                500,
                "state_too_new",
                $"Version {instance.Version} cannot read session state of version {exception.StateVersion}.");
        }
        finally
        {
            request.End();
        }

        await reply.WriteAsync(context);
    }

    public static async Task<IFormCollection> FormAsync(HttpContext context) =>
        context.Request.HasFormContentType
            ? await context.Request.ReadFormAsync(CancellationToken.None)
            : FormCollection.Empty;

    public static Reply Unauthorized(SessionRequest request) => request.WantsHtml
        ? Reply.Redirect("/login")
        : Reply.Problem(401, "login_required", "There is no logged-in session.");

    private static async Task<Reply> LoginPageAsync(SessionRequest request)
    {
        if (request.Session is null)
            await request.CreateAsync();
        return Reply.Html(Pages.Login(request.Instance, null));
    }

    private static async Task<Reply> LoginAsync(SessionRequest request)
    {
        var form = await FormAsync(request.Context);
        var user = form["username"].ToString().Trim();
        if (user.Length is 0 or > 100 || form["password"] != "demo")
        {
            return request.WantsHtml
                ? Reply.Html(Pages.Login(request.Instance, "Wrong user name or password."), 401)
                : Reply.Problem(401, "wrong_credentials", "Wrong user name or password.");
        }

        var isNew = request.Session is null;
        if (isNew)
            await request.CreateAsync();
        // The touch comes first: if it fails, the client keeps the ID it has.
        await request.TouchAsync(new SessionChange(user, Steps.Otp));
        if (!isNew)
            await request.RotateAsync();
        return request.WantsHtml ? Reply.Redirect("/otp") : Reply.Json(new { next = "/otp" });
    }

    private static async Task<Reply> OtpAsync(SessionRequest request)
    {
        var form = await FormAsync(request.Context);
        if (request.Session?.User is null)
            return Unauthorized(request);
        if (form["code"] != "123456")
        {
            return request.WantsHtml
                ? Reply.Html(Pages.Otp(request.Instance, "Wrong code."), 401)
                : Reply.Problem(401, "wrong_code", "Wrong code.");
        }

        await request.TouchAsync(new SessionChange(Step: Steps.Done));
        await request.RotateAsync();
        return request.WantsHtml ? Reply.Redirect("/") : Reply.Json(new { user = request.Session?.User });
    }

    private static async Task<Reply> LogoutAsync(SessionRequest request)
    {
        await request.DeleteAsync();
        return request.WantsHtml ? Reply.Redirect("/") : Reply.Json(new { loggedOut = true });
    }

    private static async Task<Reply> RotateAsync(SessionRequest request)
    {
        if (request.Session is null)
            return Unauthorized(request);
        await request.RotateAsync();
        return State(request);
    }

    private static Reply Me(SessionRequest request) => request.Session is not { IsLoggedIn: true } session
        ? Reply.Problem(401, "login_required", "There is no logged-in session.")
        : Reply.Json(new
        {
            user = session.User,
            version = request.Instance.Version,
            instance = request.Instance.Name,
            stateVersion = session.StateVersion,
            migrated = request.Migrated,
        });

    private static async Task<Reply> TouchAsync(SessionRequest request)
    {
        var ms = Endpoints.Number(request.Context, "ms", 0, LongestWait);
        if (ms > 0)
            await Task.Delay(ms, CancellationToken.None);
        // The second touch notices if a newer version took the session over during the work.
        await request.TouchAsync();
        return State(request);
    }

    private static Reply State(SessionRequest request) => Reply.Json(new
    {
        version = request.Instance.Version,
        instance = request.Instance.Name,
        session = request.Session is not null,
        step = request.Session?.Step,
        stateVersion = request.Session?.StateVersion,
        migrated = request.Migrated,
    });

    private static async Task<Reply> StreamAsync(SessionRequest request)
    {
        var events = Endpoints.Number(request.Context, "events", 10, 100_000);
        var ms = Endpoints.Number(request.Context, "ms", 1000, LongestWait);
        var response = request.Context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        for (var i = 1; i <= events; i++)
        {
            if (i > 1)
                await Task.Delay(ms, CancellationToken.None);
            var data = $$"""{"event":{{i}},"version":"{{request.Instance.Version}}"}""";
            await response.WriteAsync($"id: {i}\ndata: {data}\n\n", CancellationToken.None);
            await response.Body.FlushAsync(CancellationToken.None);
        }

        try
        {
            await request.TouchAsync();
        }
        catch (StateTooNewException)
        {
            // Counted already, and too late for a status.
            await response.WriteAsync("event: error\ndata: state_too_new\n\n", CancellationToken.None);
        }

        return Reply.None;
    }

    private static async Task<Reply> WebSocketAsync(SessionRequest request)
    {
        if (!request.Context.WebSockets.IsWebSocketRequest)
            return Reply.Problem(400, "no_websocket", "This endpoint speaks WebSocket only.");

        var socket = await request.Context.WebSockets.AcceptWebSocketAsync();
        try
        {
            var buffer = new byte[BufferSize];
            while (true)
            {
                var message = await socket.ReceiveAsync(buffer.AsMemory(), request.Instance.Stopping);
                if (message.MessageType == WebSocketMessageType.Close)
                    break;
                var data = buffer.AsMemory(0, message.Count);
                await socket.SendAsync(data, message.MessageType, message.EndOfMessage, CancellationToken.None);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException)
        {
            socket.Dispose();
            return Reply.None;
        }

        return Reply.Run(async () =>
        {
            using (socket)
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        });
    }

    private static async Task<Reply> EchoAsync(SessionRequest request)
    {
        var (input, output) = (request.Context.Request, request.Context.Response);
        output.ContentType = input.ContentType ?? "application/octet-stream";
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int count;
            while ((count = await input.Body.ReadAsync(buffer, CancellationToken.None)) > 0)
            {
                await output.Body.WriteAsync(buffer.AsMemory(0, count), CancellationToken.None);
                await output.Body.FlushAsync(CancellationToken.None);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return Reply.None;
    }

    private static async Task<Reply> UploadAsync(SessionRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        long bytes = 0;
        try
        {
            int count;
            while ((count = await request.Context.Request.Body.ReadAsync(buffer, CancellationToken.None)) > 0)
            {
                hash.AppendData(buffer, 0, count);
                bytes += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            // Also for half an upload: the session is written to when the work ends, however it ends.
            await request.TouchAsync();
        }

        var sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
        return Reply.Json(new { bytes, sha256 });
    }
}
