/* Speaks with a passkey for the one form that asks for it; every other page has no script.
   Options come in data-options (make or use), what the passkey says goes back as a hidden field. */
(() => {
  "use strict";
  const bytes = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
  };
  const text = (buffer) => {
    let plain = "";
    for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const make = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: named(options.excludeCredentials),
      },
    });
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
      },
    };
  };
  const use = async (options) => {
    const used = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: named(options.allowCredentials),
      },
    });
    const answer = used.response;
    return {
      id: used.id,
      rawId: text(used.rawId),
      type: used.type,
      response: {
        clientDataJSON: text(answer.clientDataJSON),
        authenticatorData: text(answer.authenticatorData),
        signature: text(answer.signature),
        userHandle: answer.userHandle ? text(answer.userHandle) : null,
      },
    };
  };

  for (const button of document.querySelectorAll("button[data-passkey]")) {
    const form = button.closest("form");
    const told = form.querySelector("[data-passkey-told]");
    if (!window.PublicKeyCredential) {
      told.textContent = told.dataset.absent;
      continue;
    }
    button.hidden = false;
    told.textContent = "";
    button.addEventListener("click", async () => {
      button.disabled = true;
      told.textContent = told.dataset.waiting;
      try {
        const options = JSON.parse(button.dataset.options);
        const said = button.dataset.passkey === "make" ? await make(options) : await use(options);
        form.querySelector("input[data-passkey-answer]").value = JSON.stringify(said);
        form.submit();
      } catch (error) {
        told.textContent = told.dataset.failed;
        button.disabled = false;
      }
    });
  }
})();
