/* Base64, as RFC 4648 has it. */
CryptoJS.enc.Base64 = (function () {
    'use strict';
    var LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    return {
        stringify: function (array) {
            var bytes = CryptoJS.bytes.of(array);
            var text = '';
            for (var index = 0; index < bytes.length; index += 3) {
                var three = (bytes[index] << 16) | ((bytes[index + 1] || 0) << 8) | (bytes[index + 2] || 0);
                for (var letter = 0; letter < 4; letter++) {
                    text += index + letter <= bytes.length ? LETTERS.charAt((three >>> (18 - letter * 6)) & 63) : '=';
                }
            }
            return text;
        },
        parse: function (text) {
            var bytes = [], bits = 0, held = 0;
            text.replace(/[=\s]/g, '').split('').forEach(function (letter) {
                bits = ((bits << 6) | LETTERS.indexOf(letter)) & 0xffffff;
                held += 6;
                if (held >= 8) {
                    held -= 8;
                    bytes.push((bits >>> held) & 0xff);
                }
            });
            return CryptoJS.bytes.pack(bytes);
        }
    };
}());
