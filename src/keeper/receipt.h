/* Receipts of purchases: compact JWS (ES256) over the payload that was signed for, for merchants to verify. */
#ifndef TOCSIN_KEEPER_RECEIPT_H
#define TOCSIN_KEEPER_RECEIPT_H

#include "keeper/record.h"

/* The ask's secret is the payload; its hash must be the record's subject. KEEPER_REFUSED otherwise. */
enum err receipt_make(const struct step *s, const struct record *rec) MUST_CHECK;

#endif
