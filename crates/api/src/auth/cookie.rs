//! The browser's cookie. It holds the session's refresh token, which scripts cannot read; each request with it is checked
//! against the database, so that signing out counts at once.

use chrono::TimeDelta;
use http::{HeaderMap, HeaderValue, header};

/// Its name.
pub(crate) const NAME: &str = "cofferdam_session";

/// The session's token in the cookies of a request.
pub(crate) fn read(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))
}

/// Sets the cookie for as long as the session lasts.
pub(crate) fn set(token: &str, valid: TimeDelta, secure: bool) -> HeaderValue {
    value(token, valid.num_seconds(), secure)
}

/// Removes the cookie.
pub(crate) fn remove(secure: bool) -> HeaderValue {
    value("", 0, secure)
}

fn value(token: &str, max_age_s: i64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{NAME}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}{secure}"))
        .unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; cofferdam_session=cdr_1_2; c=d"));
        assert_eq!(read(&headers), Some("cdr_1_2"));
        assert_eq!(read(&HeaderMap::new()), None);
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let cookie = set("x", TimeDelta::days(1), true);
        assert_eq!(cookie, "cofferdam_session=x; HttpOnly; SameSite=Strict; Path=/; Max-Age=86400; Secure");
        assert_eq!(remove(false), "cofferdam_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    }
}
