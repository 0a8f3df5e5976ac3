// Users of the demo IAM, through the gateway, for as long as the test runs.

export function startUsers(proxy, number = 12) {
  const users = Array.from({ length: number }, (_, i) => ({ name: `user${i}`, cookie: '', requests: 0 }));
  let isOver = false;
  const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

  async function send(user, path, options = {}) {
    const response = await fetch(new URL(path, proxy), {
      redirect: 'manual',
      ...options,
      headers: { cookie: user.cookie, ...options.headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const value = line.split(';')[0];
      if (value.startsWith('IAM_SESSION=')) user.cookie = value;
    }
    await response.arrayBuffer();
    user.requests += 1;
    return response.status;
  }

  async function live(user) {
    while (!isOver) {
      try {
        if (user.cookie === '' || (await send(user, '/api/me')) === 401) {
          user.cookie = '';
          await send(user, '/login');
          await send(user, '/login', {
            method: 'POST',
            body: new URLSearchParams({ username: user.name, password: 'demo' }),
          });
          await send(user, '/otp', { method: 'POST', body: new URLSearchParams({ code: '123456' }) });
        }
      } catch {
        // A gateway that goes away is what some tests are about.
      }
      await pause();
    }
  }

  const lives = users.map(live);
  return {
    users,
    async end() {
      isOver = true;
      await Promise.all(lives);
    },
  };
}
