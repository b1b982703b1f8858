/* What hashes and encodings are written against: words of 32 bits, of which so many bytes count. */
var CryptoJS = CryptoJS || (function () {
    'use strict';

    function WordArray(words, sigBytes) {
        this.words = words;
        this.sigBytes = sigBytes === undefined ? words.length * 4 : sigBytes;
    }

    WordArray.prototype.toString = function (encoder) {
        return (encoder || Hex).stringify(this);
    };

    function byteAt(array, index) {
        return (array.words[index >>> 2] >>> (24 - (index % 4) * 8)) & 0xff;
    }

    function toBytes(array) {
        var bytes = [];
        for (var index = 0; index < array.sigBytes; index++) {
            bytes.push(byteAt(array, index));
        }
        return bytes;
    }

    function fromBytes(bytes) {
        var words = [];
        for (var index = 0; index < bytes.length; index++) {
            words[index >>> 2] = (words[index >>> 2] || 0) | (bytes[index] << (24 - (index % 4) * 8));
        }
        return new WordArray(words, bytes.length);
    }

    var Hex = {
        stringify: function (array) {
            return toBytes(array).map(function (byte) { return (byte + 256).toString(16).slice(1); }).join('');
        },
        parse: function (text) {
            var bytes = [];
            for (var index = 0; index < text.length; index += 2) {
                bytes.push(parseInt(text.substr(index, 2), 16));
            }
            return fromBytes(bytes);
        }
    };

    var Utf8 = {
        stringify: function (array) {
            var escaped = toBytes(array).map(function (byte) { return '%' + (byte + 256).toString(16).slice(1); });
            return decodeURIComponent(escaped.join(''));
        },
        parse: function (text) {
            var bytes = [];
            // One that stands alone is half a character, which has no bytes: it is what readers make of it, U+FFFD.
            var whole = text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, function (found) {
                return found.length === 2 ? found : '\ufffd';
            });
            encodeURIComponent(whole).replace(/%([0-9A-F]{2})|[^%]/g, function (found, hex) {
                bytes.push(hex ? parseInt(hex, 16) : found.charCodeAt(0));
            });
            return fromBytes(bytes);
        }
    };

    return {
        enc: { Hex: Hex, Utf8: Utf8 },
        lib: { WordArray: { create: function (words, sigBytes) { return new WordArray(words || [], sigBytes); } } },
        /* The bytes of a text (in UTF-8) or of words, and back. */
        bytes: {
            of: function (message) { return toBytes(typeof message === 'string' ? Utf8.parse(message) : message); },
            pack: fromBytes
        }
    };
}());
