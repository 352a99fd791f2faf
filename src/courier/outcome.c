/* What a status means for the next step. A subscription is deleted only for what says "gone"; what is our own fault is
 * retried and told. */
#include "base/clock.h"
#include "courier/courier_priv.h"

#define OUR_FAULT_RETRY_MS (5 * MS_PER_MIN)
#define RETRY_MOST_S       ((curl_off_t)86400)

void outcome_of_push(CURLcode rc, long status, curl_off_t retry_after_s, struct outcome *ret) {
    *ret = (struct outcome){ .result = RESULT_RETRY, .status = (uint16_t)(status > 0 && status < 1000 ? status : 0) };
    if (rc != CURLE_OK && status == 0) {
        if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL || rc == CURLE_ABORTED_BY_CALLBACK)
            ret->result = RESULT_FAILED;
        return;
    }
    if (status >= 200 && status < 300) {
        ret->result = RESULT_SENT;
        return;
    }
    if (status == 404 || status == 410) {
        ret->result = RESULT_UNSUBSCRIBED;
        return;
    }
    if (status == 413) {
        ret->is_too_large = true;
        ret->result = RESULT_FAILED;
        return;
    }
    if (status == 429 || status >= 500) {
        if (retry_after_s > RETRY_MOST_S) retry_after_s = RETRY_MOST_S;
        ret->retry_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
        return;
    }
    /* 400, 401, 403 and whatever else they refuse: ours to mend, so the subscription stays */
    ret->is_our_fault = true;
    ret->retry_ms = OUR_FAULT_RETRY_MS;
}

void outcome_of_smtp(CURLcode rc, long status, struct outcome *ret) {
    *ret = (struct outcome){ .result = RESULT_RETRY, .status = (uint16_t)(status > 0 && status < 1000 ? status : 0) };
    if (rc == CURLE_OK) {
        ret->result = RESULT_SENT;
        return;
    }
    if (rc == CURLE_LOGIN_DENIED || rc == CURLE_USE_SSL_FAILED || rc == CURLE_PEER_FAILED_VERIFICATION ||
        status == 530 || status == 535) {
        ret->is_our_fault = true;
        return;
    }
    if (status >= 500 && status < 600) ret->result = RESULT_FAILED; /* they will never take it */
}
