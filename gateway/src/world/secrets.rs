//! Fetches the secrets that a document refers to.

use tollgate_contract::{document::SecretRef, secret::Secret};

/// The secret behind a reference. The error names the reference, never a content.
pub fn resolve(reference: &SecretRef) -> Result<Secret, String> {
    let text = match reference {
        SecretRef::Inline(secret) => secret.0.clone(),
        SecretRef::Env(name) => crate::settings::environment(name)
            .ok_or_else(|| format!("the environment variable {name} is not set"))?,
        SecretRef::ProviderKey(id) => {
            return Err(format!(
                "provider key {id} is held by the control plane: here, write {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"
            ));
        }
        SecretRef::File(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?,
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    Ok(Secret::new(text.to_owned()))
}
