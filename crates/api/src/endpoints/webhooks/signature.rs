//! Signatures as the Standard Webhooks specification has them: `webhook-id`, `webhook-timestamp` and `webhook-signature`, an HMAC-SHA256
//! of `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha2::Sha256;

/// How far the time of a signature may be from now.
pub(super) const WINDOW: TimeDelta = TimeDelta::minutes(5);

/// The longest `webhook-id`.
const LONGEST_ID: usize = 200;

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untrusted {
    #[error("The headers 'webhook-id', 'webhook-timestamp' and 'webhook-signature' must be there.")]
    Headers,
    #[error("The 'webhook-timestamp' is more than five minutes from now.")]
    Time,
    #[error("The signature is wrong, or there is no such webhook.")]
    Signature,
}

/// The id of a request that is signed with `secret`. Without a secret none is right.
pub(super) fn verify<'a>(
    headers: &'a HeaderMap,
    body: &[u8],
    secret: Option<&str>,
    now: DateTime<Utc>,
) -> Result<&'a str, Untrusted> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Untrusted::Headers);
    let (id, timestamp, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(Untrusted::Headers);
    }
    let at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or(Untrusted::Headers)?;
    if (now - at).abs() > WINDOW {
        return Err(Untrusted::Time);
    }
    let key = secret.and_then(|secret| STANDARD.decode(secret.strip_prefix("whsec_")?).ok()).ok_or(Untrusted::Signature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| Untrusted::Signature)?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    // Several may be given, for the time in which a sender changes its secret.
    let right = signatures
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|signature| mac.clone().verify_slice(&signature).is_ok());
    if right { Ok(id) } else { Err(Untrusted::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    fn then() -> DateTime<Utc> {
        DateTime::from_timestamp(1_614_265_330, 0).unwrap()
    }

    #[test]
    fn what_is_signed_with_the_secret_is_believed_for_five_minutes() {
        let good = headers("v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(verify(&good, BODY, Some(SECRET), then()), Ok("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        assert_eq!(verify(&good, BODY, Some(SECRET), then() + WINDOW), Ok("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        for wrong in [TimeDelta::seconds(301), TimeDelta::seconds(-301)] {
            assert_eq!(verify(&good, BODY, Some(SECRET), then() + wrong), Err(Untrusted::Time));
        }
        assert_eq!(verify(&good, b"{}", Some(SECRET), then()), Err(Untrusted::Signature));
        assert_eq!(verify(&good, BODY, None, then()), Err(Untrusted::Signature));
        assert_eq!(verify(&good, BODY, Some("whsec_AAAA"), then()), Err(Untrusted::Signature));
        assert_eq!(
            verify(&headers("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), BODY, Some(SECRET), then()),
            Err(Untrusted::Signature)
        );
        let mut none = good;
        none.remove("webhook-id");
        assert_eq!(verify(&none, BODY, Some(SECRET), then()), Err(Untrusted::Headers));
    }
}
