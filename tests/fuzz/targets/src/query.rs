//! Paths and query strings of every route: what is taken is within what the route declares.

use domain::time::Timestamp;
use handlers::mount::{Routed, route};
use handlers::{FUNCTIONS, Given, Kind, Parameter, Place};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The data as `path?query`, and its query for every route there is.
pub fn query_string(data: &[u8]) -> bool {
    // A query reaches us as text; bytes that are none can only come percent-encoded.
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').map_or((&*text, None), |(path, query)| (path, Some(query)));
    let mut taken = false;
    for method in [http::Method::GET, http::Method::HEAD, http::Method::POST] {
        if let Routed::To(place, parameters) = route(FUNCTIONS, &method, path) {
            let part = FUNCTIONS[place].http.expect("a request leads to what requests wake");
            taken |= read(part.parameters, &parameters, query);
        }
    }
    for part in FUNCTIONS.iter().filter_map(|function| function.http) {
        let in_path = part.parameters.iter().filter(|p| p.place == Place::Path);
        let in_path: Vec<_> = in_path.map(|p| (p.name, "7".to_owned())).collect();
        read(part.parameters, &in_path, query.or(Some(path)));
    }
    taken
}

fn read(declared: &'static [Parameter], path: &[(&'static str, String)], query: Option<&str>) -> bool {
    let pairs: Vec<&str> = query.into_iter().flat_map(|q| q.split('&')).filter(|pair| !pair.is_empty()).collect();
    let given = match Given::read(declared, path, query) {
        Ok(given) => given,
        Err(fault) => {
            assert!(!fault.errors.is_empty() && fault.errors.len() <= pairs.len() + path.len());
            assert!(fault.errors.iter().all(|e| e.pointer.starts_with('?') && !e.detail.is_empty()));
            assert!(fault.code.status() == 400 && fault.causes.is_none(), "the caller's fault: {fault:?}");
            return false;
        }
    };
    let mut count = 0;
    for parameter in declared {
        let Some(text) = given.text(parameter.name) else {
            assert_eq!((given.integer(parameter.name), given.time(parameter.name)), (None, None));
            continue;
        };
        count += 1;
        match parameter.kind {
            Kind::Integer(least, greatest) => {
                let number = given.integer(parameter.name).expect("a number");
                assert!((least..=greatest).contains(&number), "{number} is not within {least} to {greatest}");
                assert!(text.bytes().all(|b| b.is_ascii_digit()), "{text} is spelled as no number is");
            }
            Kind::Time => {
                let time = given.time(parameter.name).expect("a time");
                assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
            }
            Kind::Word(words) => assert!(words.contains(&text), "{text} is none of {words:?}"),
            Kind::Text => {}
        }
    }
    assert_eq!(count, pairs.len() + path.len(), "something was given and is not there");
    let reversed: Vec<&str> = pairs.iter().rev().copied().collect();
    assert_eq!(Given::read(declared, path, Some(&reversed.join("&"))).as_ref(), Ok(&given), "the order counts");
    // The safest spelling of what was understood is understood alike.
    let spelled = declared.iter().filter(|p| p.place == Place::Query).filter_map(|p| {
        let encoded = utf8_percent_encode(given.text(p.name)?, NON_ALPHANUMERIC);
        Some(format!("&{}={encoded}", p.name))
    });
    let spelled: String = spelled.collect();
    assert_eq!(Given::read(declared, path, Some(&spelled)).as_ref(), Ok(&given), "{spelled}");
    true
}
