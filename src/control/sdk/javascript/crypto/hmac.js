/* HMAC with SHA-256, as RFC 2104 has it. */
CryptoJS.HmacSHA256 = function (message, key) {
    'use strict';
    var bytes = CryptoJS.bytes;
    var secret = bytes.of(key);
    if (secret.length > 64) {
        secret = bytes.of(CryptoJS.SHA256(bytes.pack(secret)));
    }
    while (secret.length < 64) {
        secret.push(0);
    }
    function padded(pad, rest) {
        return bytes.pack(secret.map(function (byte) { return byte ^ pad; }).concat(bytes.of(rest)));
    }
    return CryptoJS.SHA256(padded(0x5c, CryptoJS.SHA256(padded(0x36, message))));
};
