//! Cases that hold for every driver: [`dials`](crate::dials) makes tests of them.

pub mod breaches;
pub mod proxies;
pub mod tls;

use heartline_tungstenite::Tls;

use crate::authority::{Authority, Identity};
use crate::{Attempt, Driver, Failed};

/// What a driver's TLS is made of: the authority to trust, and a client certificate.
pub type MakeTls<'a> = &'a dyn Fn(&Authority, Option<Identity>) -> Tls;

/// What is sent comes back.
#[track_caller]
pub fn echoes(driver: Driver<'_>, attempt: Attempt) {
    let (to, message) = (format!("{} {:?}", attempt.url, attempt.proxies), attempt.message.clone());
    match driver(attempt) {
        Ok(answer) => assert!(answer == message, "{to}: {} bytes came back", answer.len()),
        Err(failed) => panic!("{to}: {failed:?}"),
    }
}

#[track_caller]
fn fails(driver: Driver<'_>, attempt: Attempt) -> Failed {
    let to = format!("{} {:?}", attempt.url, attempt.proxies);
    match driver(attempt) {
        Ok(answer) => panic!("{to}: {answer:?}"),
        Err(failed) => failed,
    }
}

/// The tests of [`breaches`], [`proxies`] and [`tls`] for a driver, a function as [`Driver`]; with the features of TLS that the driver
/// is built with. The second is where the crate `native_tls` is.
#[macro_export]
macro_rules! dials {
    ($driver:path, $native:path) => {
        mod without_tls {
            $crate::dials!(@tests $driver, breaches: what_comes_in_one_packet_with_the_handshake_is_received);
            $crate::dials!(@tests $driver, breaches: messages_of_every_size_at_which_a_header_grows_go_both_ways);
            $crate::dials!(@tests $driver, breaches: what_breaks_the_protocol_ends_its_connection_and_is_named);
            $crate::dials!(@tests $driver, proxies: a_name_is_left_to_the_proxy_whose_answer_may_come_byte_by_byte);
            $crate::dials!(@tests $driver, proxies: a_refusal_is_told_and_stops_or_retries_as_documented);
            $crate::dials!(@tests $driver, proxies: a_proxy_that_falls_silent_is_given_up_after_connect_timeout);
            $crate::dials!(@tests $driver, proxies: variables_choose_the_proxy_and_never_one_for_loopback);
            $crate::dials!(@tests $driver, proxies: tinyproxy_leads_to_the_server, None);
            $crate::dials!(@tests $driver, proxies: tinyproxy_tells_that_the_server_is_down_and_is_asked_again);
            $crate::dials!(@tests $driver, proxies: microsocks_leads_to_the_server, None);
            $crate::dials!(@tests $driver, proxies: the_environment_of_the_process_is_asked_if_that_is_wanted);
        }

        #[cfg(feature = "rustls-tls")]
        mod rustls {
            fn make(authority: &$crate::Authority, identity: Option<$crate::Identity>) -> $crate::Tls {
                $crate::Tls::rustls(authority.client(identity))
            }

            $crate::dials!(@tls $driver);
        }

        #[cfg(feature = "native-tls")]
        mod native {
            use $native::{Certificate, Identity, TlsConnector};

            fn make(authority: &$crate::Authority, identity: Option<$crate::Identity>) -> $crate::Tls {
                let root = Certificate::from_der(&authority.root()).expect("a root");
                let mut builder = TlsConnector::builder();
                builder.add_root_certificate(root);
                if let Some((certificate, key)) = identity.map(|identity| identity.pem()) {
                    builder.identity(Identity::from_pkcs8(certificate.as_bytes(), key.as_bytes()).expect("a key"));
                }
                $crate::Tls::native(builder.build().expect("a connector"))
            }

            $crate::dials!(@tls $driver);
        }
    };
    (@tls $driver:path) => {
        $crate::dials!(@tests $driver, proxies: tinyproxy_leads_to_the_server, Some(&make));
        $crate::dials!(@tests $driver, proxies: microsocks_leads_to_the_server, Some(&make));
        $crate::dials!(@tests $driver, proxies: an_https_proxy_is_spoken_to_by_tls, &make);
        $crate::dials!(@tests $driver, tls: a_trusted_server_is_talked_to_by_name_and_by_address, &make);
        $crate::dials!(@tests $driver, tls: a_wrong_name_and_an_unknown_authority_are_refused_and_tried_again, &make);
        $crate::dials!(@tests $driver, tls: a_client_certificate_is_shown_and_without_one_nothing_is_served, &make);
    };
    (@tests $driver:path, $cases:ident: $case:ident $(, $with:expr)?) => {
        #[test]
        fn $case() {
            $crate::cases::$cases::$case(&$driver $(, $with)?);
        }
    };
}
