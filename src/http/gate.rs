//! Who is let in: [`Gate`].

use super::problem::Problem;
use crate::server::Password;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Method, Request, Uri};

/// Who a browser says asked for a request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What everyone may ask: whoever watches over processes has no password to give.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];

/// Looks at a request's head, and lets it in or not.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    password: Option<Password>,
}

impl Gate {
    /// One that asks for this password, if there is one.
    pub(super) fn new(password: Option<Password>) -> Self {
        Self { password }
    }

    /// # Errors
    /// Why the request is not let in.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if changes_something(request.method()) && is_cross_site(request.headers(), request.uri()) {
            return Err(Problem::cross_site());
        }
        match &self.password {
            Some(password) if !OPEN_PATHS.contains(&request.uri().path()) => {
                let said = bearer(request.headers());
                match said.is_some_and(|said| password.is(said)) {
                    true => Ok(()),
                    false => Err(Problem::unauthorized(said.is_some())),
                }
            }
            _ => Ok(()),
        }
    }
}

fn changes_something(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether a browser sends this for a page that did not come from here. Browsers send such requests
/// for any page, and only keep the answer from it: a page on the Internet could otherwise write to a
/// node that only its reader reaches.
///
/// Every browser of today says which site asked; one that does not says at least from where the page
/// came. What says neither is no browser.
fn is_cross_site(headers: &HeaderMap, uri: &Uri) -> bool {
    let of = |name| headers.get(name).map(|value| value.as_bytes());
    match (of(SEC_FETCH_SITE), of(ORIGIN)) {
        (Some(site), _) => !matches!(site, b"same-origin" | b"none"),
        (None, Some(origin)) => {
            let host = of(HOST).or(uri.authority().map(|host| host.as_str().as_bytes()));
            let origin = [&b"http://"[..], b"https://"]
                .iter()
                .find_map(|scheme| origin.strip_prefix(*scheme));
            origin.is_none() || origin != host
        }
        (None, None) => false,
    }
}

/// What stands after `Bearer` in the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).into_iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, said) = value.as_bytes().split_at_checked(SCHEME.len())?;
    let said = said.trim_ascii();
    (scheme.eq_ignore_ascii_case(SCHEME) && !said.is_empty()).then_some(said)
}

const SCHEME: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::double::Server;

    const PASSWORD: &str = "correct-horse-battery";

    fn status(gate: &Gate, line: &str, headers: &[(&str, &str)]) -> u16 {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let admitted = gate.admit(&request.body(()).unwrap());
        admitted.map_or_else(|problem| problem.status(), |()| 200)
    }

    fn guarded() -> Gate {
        Gate::new(Some(Password::new(PASSWORD).unwrap()))
    }

    #[test]
    fn with_a_password_nothing_is_asked_without_it_but_whether_the_node_is_well() {
        for line in [
            "GET /v1/registers/x",
            "PUT /v1/registers/x",
            "GET /metrics",
            "GET /openapi.json",
            "GET /nowhere",
            "GET /livez/",
            "GET /v1/registers/livez",
        ] {
            assert_eq!(status(&guarded(), line, &[]), 401, "{line}");
            let said = [("authorization", &*format!("Bearer {PASSWORD}"))];
            assert_eq!(status(&guarded(), line, &said), 200, "{line}");
        }
        for line in ["GET /livez", "HEAD /readyz", "GET /readyz?verbose"] {
            assert_eq!(status(&guarded(), line, &[]), 200, "{line}");
        }
        assert_eq!(status(&Gate::new(None), "PUT /v1/registers/x", &[]), 200);
    }

    #[test]
    fn only_the_password_in_the_right_form_opens() {
        for right in [
            format!("Bearer {PASSWORD}"),
            format!("bearer {PASSWORD}"),
            format!("BEARER   {PASSWORD} "),
        ] {
            let said = [("authorization", &*right)];
            assert_eq!(status(&guarded(), "GET /metrics", &said), 200, "{right}");
        }
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            PASSWORD,
            "Bearer correct-horse-batter",
            "Bearer correct-horse-battery-staple",
            "Basic correct-horse-battery",
            "Bearer: correct-horse-battery",
        ] {
            let said = [("authorization", wrong)];
            assert_eq!(status(&guarded(), "GET /metrics", &said), 401, "{wrong}");
        }
        let right = format!("Bearer {PASSWORD}");
        let twice = [("authorization", &*right), ("authorization", &*right)];
        assert_eq!(status(&guarded(), "GET /metrics", &twice), 401);
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let gate = Gate::new(None);
        let host = ("host", "127.0.0.1:3030");
        let refused = [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://127.0.0.1:3030"),
            ],
            &[("origin", "https://evil.example")],
            &[("origin", "http://127.0.0.1:8080")],
            &[("origin", "null")],
            &[("origin", "")],
        ];
        let admitted = [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            // Something between may have changed the host, and the browser knows better.
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://db.example"),
            ],
            &[("origin", "http://127.0.0.1:3030")],
            &[("origin", "https://127.0.0.1:3030")],
        ];
        for line in [
            "PUT /v1/registers/x",
            "POST /write",
            "DELETE /v1/members/change",
        ] {
            for headers in refused {
                let headers = [headers, &[host]].concat();
                assert_eq!(status(&gate, line, &headers), 403, "{line} {headers:?}");
                assert_eq!(status(&gate, "GET /read/7", &headers), 200, "{headers:?}");
            }
            for headers in admitted {
                let headers = [headers, &[host]].concat();
                assert_eq!(status(&gate, line, &headers), 200, "{line} {headers:?}");
            }
        }
        let no_host = [("origin", "http://127.0.0.1:3030")];
        assert_eq!(status(&gate, "POST /write", &no_host), 403);
    }

    #[tokio::test]
    async fn who_is_not_let_in_is_told_how_to_be() {
        let server = Server::start_guarded(PASSWORD).await;
        for method in ["GET", "PUT"] {
            let answer = server.request(method, "/v1/registers/x", b"").await;
            answer.assert_problem(401, "refused");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Bearer realm=\"shardedmemory\""));
        }
        let said = format!("Authorization: Bearer {PASSWORD}\r\n");
        let path = "/v1/registers/x";
        let put = server.request_with("PUT", path, &said, b"1").await;
        assert_eq!(put.status, 204);
        let get = server.request_with("GET", path, &said, b"").await;
        assert_eq!(get.text(), "1");
        assert_eq!(server.get("/livez").await.status, 200);
        assert_eq!(server.get("/readyz").await.status, 200);
    }

    #[tokio::test]
    async fn a_body_that_is_refused_unread_ends_the_connection_and_a_page_gets_nowhere() {
        let server = Server::start().await;
        let from = "Sec-Fetch-Site: cross-site\r\n";
        for (method, path) in [("PUT", "/v1/registers/x"), ("POST", "/write")] {
            let body = br#"{"addr":7,"value":"x"}"#;
            let answer = server.request_with(method, path, from, body).await;
            answer.assert_problem(403, "refused");
            assert_eq!(answer.header("connection"), Some("close"));
        }
        let unread = server
            .request_with("DELETE", "/v1/registers/x", from, b"")
            .await;
        unread.assert_problem(403, "refused");
        assert_eq!(unread.header("connection"), None);
        server.change(|state| assert!(state.timeouts.is_empty()));
        let read = server.request_with("GET", "/read/7", from, b"").await;
        assert_eq!(read.status, 200);
    }
}
