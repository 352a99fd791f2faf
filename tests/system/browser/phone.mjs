// Chromium's own virtual authenticator, as a phone that holds passkeys.

// A phone beside this page. Its passkeys can be carried to another page, as a synced one is.
export async function phone(page, credentials = []) {
  const cdp = await page.createCDPSession();
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  for (const credential of credentials) await cdp.send("WebAuthn.addCredential", { authenticatorId, credential });
  return {
    credentials: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    forget: () => cdp.send("WebAuthn.clearCredentials", { authenticatorId }),
    turnAway: (is) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: !is }),
  };
}
