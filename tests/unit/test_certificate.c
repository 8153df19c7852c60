/* Certificates in PEM: when they end, and whose they are. */
#include "dray/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of 2026, with DNS names beside its CN; and of the first 100 days of 2020, with a CN only. */
static const char of_2026[] = "-----BEGIN CERTIFICATE-----\n"
			      "MIIBoDCCAUWgAwIBAgIUYPdNMz6cyywqBSpzDjZ4NP6vMewwCgYIKoZIzj0EAwIw\n"
			      "DzENMAsGA1UEAwwEZ3ctMTAeFw0yNjAxMDEwMDAwMDBaFw0yNzAxMDEwMDAwMDBa\n"
			      "MA8xDTALBgNVBAMMBGd3LTEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARz2a8g\n"
			      "sdi2bHjH3lFXYRSPb3pOyERnTHTEYcfXrfJjVXn1nOSK1pHZPUrneoxIxNby5pyd\n"
			      "UIGcpvn3llHNiaZ+o38wfTAdBgNVHQ4EFgQU8rNKgVb9vchIfVn4dqogxdafkLAw\n"
			      "HwYDVR0jBBgwFoAU8rNKgVb9vchIfVn4dqogxdafkLAwDwYDVR0TAQH/BAUwAwEB\n"
			      "/zAqBgNVHREEIzAhhwR/AAABghJicm9rZXIuZXhhbXBsZS5jb22CBW90aGVyMAoG\n"
			      "CCqGSM49BAMCA0kAMEYCIQC9Tww/1YUymgHyL2aIoY4EFBdGBqwROgQkuAgpxLvJ\n"
			      "gwIhAKUQ4/Hu42hG4phusnJvhpadx+1eusiPoGiS9sGphuWw\n"
			      "-----END CERTIFICATE-----\n";
static const char of_2020[] = "-----BEGIN CERTIFICATE-----\n"
			      "MIIBcTCCARegAwIBAgIUUqaDDwikNfGeu8G3umox4F3bLRswCgYIKoZIzj0EAwIw\n"
			      "DjEMMAoGA1UEAwwDb2xkMB4XDTIwMDEwMTAwMDAwMFoXDTIwMDQxMDAwMDAwMFow\n"
			      "DjEMMAoGA1UEAwwDb2xkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYbCi1RX0\n"
			      "2IBZr3kN6lj5RPqf323pSZX7BNnFq6PjC+jKDp0TTIGaT8zZFhptc8qqy7M5L3JQ\n"
			      "3MoNS5geMtCB5qNTMFEwHQYDVR0OBBYEFO584lfxS6+/0GDSW06E6mHkkDUjMB8G\n"
			      "A1UdIwQYMBaAFO584lfxS6+/0GDSW06E6mHkkDUjMA8GA1UdEwEB/wQFMAMBAf8w\n"
			      "CgYIKoZIzj0EAwIDSAAwRQIhAIsVD+QyrC98jXlzAnaHoP372k2cvNxbfGG03nAj\n"
			      "jtYFAiAb73rKHnIhofNbzTWCHZwHhBLcQ3D7hBaOPu5wMIJneA==\n"
			      "-----END CERTIFICATE-----\n";

#define BEGIN_2026_MS INT64_C(1767225600000)
#define END_2026_MS INT64_C(1798761600000)
#define END_2020_MS INT64_C(1586476800000)

static void test_when_it_ends_and_whose_it_is(void **state)
{
	struct certificate certificate;

	(void)state;
	assert_int_equal(certificate_read(of_2026, strlen(of_2026), &certificate), 0);
	assert_int_equal(certificate.n, 1);
	assert_true(certificate.begins_at_ms == BEGIN_2026_MS);
	assert_true(certificate.first_end_at_ms == END_2026_MS);
	assert_true(certificate.last_end_at_ms == END_2026_MS);
	assert_string_equal(certificate.name, "broker.example.com");
	assert_int_equal(certificate_read(of_2020, strlen(of_2020), &certificate), 0);
	assert_string_equal(certificate.name, "old");
}

static void test_of_a_bundle_the_first_and_the_last_end(void **state)
{
	struct certificate certificate;
	char text[4096];

	(void)state;
	(void)snprintf(text, sizeof(text), "said about it\n%s\n%s", of_2026, of_2020);
	assert_int_equal(certificate_read(text, strlen(text), &certificate), 0);
	assert_int_equal(certificate.n, 2);
	assert_true(certificate.first_end_at_ms == END_2020_MS);
	assert_true(certificate.last_end_at_ms == END_2026_MS);
	assert_string_equal(certificate.name, "broker.example.com");
}

static void test_what_is_none_is_refused(void **state)
{
	struct certificate certificate;
	char text[4096];

	(void)state;
	assert_int_equal(certificate_read("", 0, &certificate), -1);
	assert_int_equal(certificate_read("no", 2, &certificate), -1);
	assert_int_equal(certificate_read(of_2026, strlen(of_2026) - 40, &certificate), -1);
	/* One that is cut off behind one that is whole. */
	(void)snprintf(text, sizeof(text), "%s%.300s", of_2026, of_2020);
	assert_int_equal(certificate_read(text, strlen(text), &certificate), -1);
	(void)snprintf(text, sizeof(text), "%s", of_2026);
	text[100] = '!';
	assert_int_equal(certificate_read(text, strlen(text), &certificate), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when_it_ends_and_whose_it_is),
		cmocka_unit_test(test_of_a_bundle_the_first_and_the_last_end),
		cmocka_unit_test(test_what_is_none_is_refused),
	};

	return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
