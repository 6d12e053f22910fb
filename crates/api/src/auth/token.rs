//! Access tokens: JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)), signed with HMAC-SHA-256, valid for
//! minutes. They are checked without the database.

use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::context::Role;
use cofferdam_ids::{SessionId, TenantId, TenantName, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::fmt;

const ISSUER: &str = "cofferdam";

/// The key that signs access tokens. Every API process of an installation has the same.
#[derive(Clone)]
pub struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

impl TokenKeys {
    /// Takes at least 32 random bytes.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        assert!(secret.len() >= 32, "the key of access tokens has at least 32 bytes");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "sub", "exp"]);
        // Checked below, by our clock.
        validation.validate_exp = false;
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), validation }
    }

    /// Signs a token.
    pub(crate) fn sign(
        &self,
        holder: &Holder,
        now: DateTime<Utc>,
        valid: TimeDelta,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: ISSUER.into(),
            sub: holder.user,
            iat: now.timestamp(),
            exp: (now + valid).timestamp(),
            sid: holder.session,
            tid: holder.tenant,
            tenant: holder.tenant_name.clone(),
            name: holder.username.clone(),
            role: holder.role,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Who holds a token; `None` when it is not one of ours, or expired.
    pub(crate) fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Holder> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        (now.timestamp() < claims.exp).then_some(Holder {
            user: claims.sub,
            session: claims.sid,
            tenant: claims.tid,
            tenant_name: claims.tenant,
            username: claims.name,
            role: claims.role,
        })
    }
}

/// Whom a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub user: UserId,
    pub session: SessionId,
    pub tenant: TenantId,
    pub tenant_name: TenantName,
    pub username: String,
    pub role: Role,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: UserId,
    iat: i64,
    exp: i64,
    sid: SessionId,
    tid: TenantId,
    tenant: TenantName,
    name: String,
    role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn holder() -> Holder {
        Holder {
            user: UserId::generate(),
            session: SessionId::generate(),
            tenant: TenantId::generate(),
            tenant_name: TenantName::new("default").unwrap(),
            username: "ada".into(),
            role: Role::Editor,
        }
    }

    #[test]
    fn a_token_is_valid_for_its_time_and_under_its_key() {
        let (keys, holder) = (TokenKeys::new(&[7; 32]), holder());
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = keys.sign(&holder, now, TimeDelta::minutes(15)).unwrap();
        assert_eq!(keys.verify(&token, now + TimeDelta::seconds(899)), Some(holder));
        assert_eq!(keys.verify(&token, now + TimeDelta::seconds(900)), None);
        assert_eq!(TokenKeys::new(&[8; 32]).verify(&token, now), None);
    }

    #[test]
    fn a_token_cannot_be_changed_or_unsigned() {
        let (keys, holder) = (TokenKeys::new(&[7; 32]), holder());
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = keys.sign(&holder, now, TimeDelta::minutes(15)).unwrap();
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[1]).unwrap()).unwrap();
        parts[1] = URL_SAFE_NO_PAD.encode(claims.replace("editor", "admin"));
        assert_eq!(keys.verify(&parts.join("."), now), None);
        parts[0] = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        parts[2] = String::new();
        assert_eq!(keys.verify(&parts.join("."), now), None);
    }
}
