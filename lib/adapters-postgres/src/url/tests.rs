use super::*;
use proptest::prelude::*;

fn read(url: &str) -> Target {
    parse("TABLE_URL", url).unwrap()
}

fn refused(url: &str) -> String {
    parse("TABLE_URL", url).unwrap_err()
}

#[test]
fn a_url_says_whom_to_connect_to() {
    let target = read("postgres://me:secret@db.example:6543/audit");
    let config = &target.config;
    assert_eq!((config.get_user(), config.get_password()), (Some("me"), Some(&b"secret"[..])));
    assert_eq!(config.get_hosts(), [Host::Tcp("db.example".into())]);
    assert_eq!((config.get_ports(), config.get_dbname()), (&[6543][..], Some("audit")));
    assert_eq!(target.pool, POOL);
    let Place { setting, hosts, user, database } = target.place;
    assert_eq!((setting, hosts.as_str()), ("TABLE_URL", "db.example:6543"));
    assert_eq!((user.as_str(), database.as_str()), ("me", "audit"));
}

#[test]
fn hosts_are_named_as_one_would_write_them() {
    for (url, hosts) in [
        ("postgres://u@h/d", "h:5432"),
        ("postgresql://u@h1:1,h2/d", "h1:1,h2:5432"),
        ("postgres://u@[::1]:7/d", "[::1]:7"),
        ("postgres:///d?host=/run/pg&port=6000&user=u", "/run/pg/.s.PGSQL.6000"),
        ("postgres://u@%2Frun%2Fpg/d", "/run/pg/.s.PGSQL.5432"),
        ("postgres:///d", "/var/run/postgresql/.s.PGSQL.5432"),
        ("postgres:///d?hostaddr=10.0.0.1&user=u", "10.0.0.1:5432"),
    ] {
        assert_eq!(read(url).place.hosts, hosts, "{url}");
    }
    assert_eq!(read("postgres://u@h").place.database, "u", "the default of libpq");
}

#[test]
fn tls_is_as_the_url_says_and_sensible_without() {
    for (url, mode, roots) in [
        ("postgres://u@db/d", SslMode::Prefer, Roots::Platform),
        ("postgres://u@localhost/d", SslMode::Disable, Roots::Platform),
        ("postgres://u@127.0.0.1/d", SslMode::Disable, Roots::Platform),
        ("postgres:///d?host=/run/pg", SslMode::Disable, Roots::Platform),
        ("postgres://u@localhost,db/d", SslMode::Prefer, Roots::Platform),
        ("postgres://u@db/d?sslmode=disable", SslMode::Disable, Roots::Platform),
        ("postgres://u@localhost/d?sslmode=require", SslMode::Require, Roots::Platform),
        ("postgres://u@db/d?sslmode=verify-full", SslMode::Require, Roots::Platform),
        ("postgres://u@db/d?sslmode=verify-ca&sslrootcert=system", SslMode::Require, Roots::Platform),
        ("postgres://u@db/d?sslrootcert=/etc/a%20b%40c.pem", SslMode::Require, Roots::File("/etc/a b@c.pem".into())),
        ("postgres://u@db/d?sslmode=prefer&sslrootcert=ca.pem", SslMode::Prefer, Roots::File("ca.pem".into())),
    ] {
        let target = read(url);
        assert_eq!((target.config.get_ssl_mode(), target.roots), (mode, roots), "{url}");
    }
}

#[test]
fn the_rest_is_for_the_server_or_for_us() {
    let target = read("postgres://u@db/d?pool=3&application_name=a@b&options=-c%20search_path%3Dx");
    assert_eq!(target.pool, 3);
    assert_eq!(target.config.get_user(), Some("u"));
    assert_eq!(target.config.get_application_name(), Some("a@b"));
    assert_eq!(target.config.get_options(), Some("-c search_path=x"));
    let target = read("postgres://db/d?application_name=a@b");
    assert_eq!(target.config.get_application_name(), Some("a@b"), "no user before an `@` of a parameter");
    let plain = read("postgres://u@db/d").config;
    assert_eq!(plain.get_application_name(), Some("dezky"));
    assert_eq!(plain.get_connect_timeout(), Some(&CONNECT));
    assert_eq!(read("postgres://u@a,b/d").config.get_connect_timeout(), Some(&(CONNECT / 2)));
    assert_eq!(read("postgres://u:p?w@db/d?pool=2").config.get_password(), Some(&b"p?w"[..]));
}

#[test]
fn what_cannot_be_read_is_said_without_the_password() {
    for (url, said) in [
        ("mysql://u:sesame@h/d", "not the URL of a PostgreSQL database"),
        ("host=h user=u password=sesame", "not the URL of a PostgreSQL database"),
        ("postgres://u:sesame@h:port/d", "invalid value for option `port`"),
        ("postgres://u:sesame@h/d?nonsense=1", "unknown option `nonsense`"),
        ("postgres://u:sesame@h/d?pool=0", "`pool` is a number from 1 to 200"),
        ("postgres://u:sesame@h/d?pool=many", "`pool` is a number from 1 to 200"),
        ("postgres://u:sesame@h/d?pool", "a parameter of the URL has no value"),
        ("postgres://u:sesame@h/d?sslmode=allow", "`sslmode` is disable, prefer"),
        ("postgres://u:sesame@h/d?sslnegotiation=direct", "needs `sslmode=require`"),
        ("postgres://u:open@sesame@h/d", "write it as %40"),
    ] {
        let text = refused(url);
        assert!(text.contains(said), "{url}: {text}");
        assert!(!text.contains("sesame") && !text.contains('\n'), "{text}");
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

proptest! {
    /// Whatever is in a user, a password or a name comes back out of its URL, and no password out of an error.
    #[test]
    fn encoded_parts_survive(
        user in "\\PC{1,12}", password in "\\PC{1,12}", database in "\\PC{1,12}", pool in 1_usize..=MOST_POOL,
    ) {
        let url = format!(
            "postgres://{}:{}@db.example:6000/{}?pool={pool}", encode(&user), encode(&password), encode(&database)
        );
        let target = parse("TABLE_URL", &url).unwrap();
        prop_assert_eq!(target.config.get_user(), Some(user.as_str()));
        prop_assert_eq!(target.config.get_password(), Some(password.as_bytes()));
        prop_assert_eq!(target.config.get_dbname(), Some(database.as_str()));
        prop_assert_eq!(target.pool, pool);
        prop_assert_eq!(target.place.hosts.as_str(), "db.example:6000");
    }

    /// No text at all makes it panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(postgres(ql)?://)?[a-z:@/?&=%,\\[\\]0-9é]{0,40}") {
        let _ = parse("TABLE_URL", &text);
    }
}
