//! Numbers, texts, dates, quantities, and conversions between them.

use super::{check, check_faults, patient};

#[test]
fn numbers_are_exact() {
    check(
        &patient(),
        &[
            ("0.1 + 0.2 = 0.3", "true"),
            ("1.2 * 1.8", "2.16"),
            ("1 / 2", "0.5"),
            ("4 / 2 = 2", "true"),
            ("1 / 0", ""),
            ("5 mod 0", ""),
            ("2.2 div 1.8", "1"),
            ("2.2 mod 1.8", "0.4"),
            ("9223372036854775807 + 1", ""),
            ("1.10 = 1.1", "true"),
            ("1 = 1.0", "true"),
            ("1.2 / 1.8 ~ 0.67", "true"),
            ("2.5.round()", "3"),
            ("3.14159.round(3)", "3.142"),
            (
                "(-1.5).ceiling() | (-1.5).floor() | (-1.5).truncate()",
                "-1,-2",
            ),
            ("(-5.5 'mg').abs()", "5.5 'mg'"),
            ("81.sqrt() = 9", "true"),
            ("(-1).sqrt()", ""),
            ("1000.log(10)", "3"),
            ("0.exp() = 1 and 1.ln() = 0", "true"),
            ("2.power(10)", "1024"),
            ("2.power(-1)", "0.5"),
            ("10.power(400)", ""),
        ],
    );
    check_faults(
        &patient(),
        &[
            "1 + 'a'",
            "'a' - 'b'",
            "1 < 'a'",
            "name + 1",
            "1.5.round(-1)",
        ],
    );
}

#[test]
fn texts_are_cut_and_searched() {
    check(
        &patient(),
        &[
            ("'héllo'.length()", "5"),
            ("'héllo'.indexOf('l')", "2"),
            ("'hello'.lastIndexOf('l')", "3"),
            ("'hello'.indexOf('z')", "-1"),
            ("'héllo'.substring(1, 2)", "él"),
            ("'hello'.substring(9)", ""),
            (
                "'hello'.startsWith('he') and 'hello'.endsWith('lo')",
                "true",
            ),
            ("'hello'.contains('ell')", "true"),
            ("'Été'.upper() & 'ÉTÉ'.lower()", "ÉTÉété"),
            ("'abc'.replace('', 'x')", "xaxbxcx"),
            ("' a '.trim()", "a"),
            ("'a,,c'.split(',').count()", "3"),
            ("name.given.join('-')", "Peter-James-Jim-Peter-James"),
            ("'ab'.toChars()", "a,b"),
            ("'a\nb'.matches('a.b')", "true"),
            (
                "'xaby'.matches('ab') and 'xaby'.matchesFull('ab').not()",
                "true",
            ),
            (
                r"'11/30/1972'.replaceMatches('(\\d+)/(\\d+)/(\\d+)', '$3-$1')",
                "1972-11",
            ),
            ("{} & 'b'", "b"),
            ("'a' ~ ' A '", "true"),
            ("'subjects?_d'.encode('base64')", "c3ViamVjdHM/X2Q="),
            ("'c3ViamVjdHM_X2Q='.decode('urlbase64')", "subjects?_d"),
            ("'é'.encode('hex').decode('hex')", "é"),
            ("'é'.encode('base64').decode('base64')", "é"),
            ("'zz'.decode('hex')", ""),
            ("'\"1<2\"'.escape('html').unescape('html')", "\"1<2\""),
            (r"'a\nb'.escape('json')", r"a\nb"),
            (r"'a\nb'.escape('json').unescape('json') = 'a\nb'", "true"),
            ("birthDate.substring(0, 4)", "1974"),
        ],
    );
    check_faults(
        &patient(),
        &[
            "1.length()",
            "name.startsWith('a')",
            "'a'.matches('(' & '')",
        ],
    );
}

#[test]
fn dates_compare_as_far_as_they_are_known() {
    check(
        &patient(),
        &[
            ("@2012-04-15 = @2012-04-15T10:00", ""),
            ("@2012 < @2013-01", "true"),
            ("@2012 < @2012-02", ""),
            ("@2012 ~ @2012-02", "false"),
            ("@2012-04-15T15:30:31 = @2012-04-15T15:30:31.0", "true"),
            (
                "@2012-04-15T15:00:00+02:00 = @2012-04-15T16:00:00+03:00",
                "true",
            ),
            ("@2012-04-15T23:30:00-02:00 > @2012-04-16T01:00:00Z", "true"),
            ("@2012-04-15T15:00:00Z = @2012-04-15T10:00:00", ""),
            ("@2012-04-15T15:00:00Z < @2012-04-17T10:00:00", "true"),
            ("@T10:30 < @T10:31:00", "true"),
            ("@T10:30 = @T10:30:00", ""),
            ("birthDate < today()", "true"),
            ("today()", "2026-11-21"),
            ("now()", "2026-11-21T10:30:15.250+01:00"),
            ("timeOfDay()", "10:30:15.250"),
            ("@2012-01 = @T10", "false"),
        ],
    );
    check_faults(&patient(), &["@2012 < @T10", "@2012 < '2013'"]);
}

#[test]
fn durations_move_dates_by_the_calendar() {
    check(
        &patient(),
        &[
            ("@2020-02-29 + 1 year", "2021-02-28"),
            ("@2020-01-31 + 1 month", "2020-02-29"),
            ("@1973-12-25 + 7.7 days", "1974-01-01"),
            ("@2014 + 25 months", "2016"),
            ("@2014-03 - 1 day", "2014-03"),
            (
                "@2020-03-28T23:00:00+01:00 + 2 hours",
                "2020-03-29T01:00:00+01:00",
            ),
            ("@2020-01-01T00:00:00 - 1 second", "2019-12-31T23:59:59"),
            ("@2020-01-01T00:00:00 + 250 'ms'", "2020-01-01T00:00:00.250"),
            ("@T23:30 + 1 hour", "00:30"),
            ("@9999-12-31 + 1 day", ""),
            ("birthDate + 18 years <= today()", "true"),
        ],
    );
    check_faults(
        &patient(),
        &[
            "@2020-01-01 + 7",
            "@2020-01-01 + 1 'mo'",
            "@2020-01-01 - 1 'cm'",
            "@T10:00 + 1 day",
        ],
    );
}

#[test]
fn quantities_compare_in_comparable_units() {
    check(
        &patient(),
        &[
            ("38.5 'Cel' < 39 'Cel'", "true"),
            (
                "7 days = 1 week and 1 'wk' = 7 days and 24 hours = 1 day",
                "true",
            ),
            ("1 year = 12 months", "true"),
            ("1 year = 365 days", ""),
            ("1 year = 1 'a'", ""),
            ("1 'mg' = 1 'mL'", ""),
            ("1 day + 12 hours", "36 hours"),
            ("2 * 3 'mg'", "6 'mg'"),
            ("6 'mg' / 2 'mg'", "3 '1'"),
            ("1 'mg'.comparable(2 'mg')", "true"),
            (
                "1 'cm'.comparable(1 '[in_i]') and 1 'cm'.comparable(1 's').not()",
                "true",
            ),
            (
                "1 'g' = 1000 'mg' and 4 'g' < 4001 'mg' and 4 'g' ~ 4040 'mg'",
                "true",
            ),
            ("4 'kg' ~ 4040 'g' and 4.2 'kg' !~ 4060 'g'", "true"),
            (
                "98.6 '[degF]' = 37 'Cel' and 102 '[degF]' > 38.5 'Cel'",
                "true",
            ),
            ("1 week = 604800000000 'us' and 1 month = 30 'd'", ""),
            ("7 days = 1 'wk' and 1 second > 1 'us'", "true"),
            ("2 'cm' * 2 'm' = 0.04 'm2'", "true"),
            ("4.0 'g' / 2.0 'm'", "2 'g/m'"),
            ("1 'g' + 1 'mg'", "1001 'mg'"),
            ("1 'in' * 1 'm'", ""),
            ("1 '[in_i]'.toQuantity('cm')", "2.54 'cm'"),
            ("1 'h'.toQuantity('m')", ""),
        ],
    );
}

#[test]
fn values_convert() {
    check(
        &patient(),
        &[
            ("'1'.toInteger() + true.toInteger()", "2"),
            ("'1.0'.toInteger()", ""),
            ("'1.10'.toDecimal()", "1.10"),
            ("'1e3'.convertsToDecimal()", "false"),
            ("'YES'.toBoolean() and 0.toBoolean().not()", "true"),
            ("2.convertsToBoolean()", "false"),
            ("'2015-02-04T14:34'.toDate()", "2015-02-04"),
            ("'2015-02-30'.convertsToDate()", "false"),
            ("'2015'.toDateTime() is DateTime", "true"),
            ("'14:34'.toTime()", "14:34"),
            ("'4 days'.toQuantity()", "4 days"),
            ("'1 wk'.convertsToQuantity()", "false"),
            ("'3 days'.toQuantity('hours')", "72 hours"),
            ("1 'wk'.toString()", "1 'wk'"),
            ("name.first().toString()", ""),
        ],
    );
    check_faults(&patient(), &["name.toString()", "(1 | 2).toInteger()"]);
}

#[test]
fn boundaries_span_what_a_value_may_mean() {
    check(
        &patient(),
        &[
            ("1.587.lowBoundary()", "1.58650000"),
            ("1.587.highBoundary(2)", "1.59"),
            ("1.lowBoundary(32)", ""),
            ("@2014.lowBoundary(6)", "2014-01"),
            ("@2014-02.highBoundary()", "2014-02-28"),
            (
                "@2014-01-01T08:05+08:00.lowBoundary(17)",
                "2014-01-01T08:05:00.000+08:00",
            ),
            ("@T10:30.highBoundary(9)", "10:30:59.999"),
            ("@2014-01-05T10:30.precision() + 1.58700.precision()", "17"),
        ],
    );
}
