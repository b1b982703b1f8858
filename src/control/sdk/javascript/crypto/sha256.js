/* SHA-256, as FIPS 180-4 has it. */
CryptoJS.SHA256 = (function () {
    'use strict';

    var PLACES = 4294967296;

    /* The first 32 bits behind the point of a root of each of the first primes. */
    function roots(count, exponent) {
        var found = [];
        for (var number = 2; found.length < count; number++) {
            var divisor = 2;
            while (divisor * divisor <= number && number % divisor !== 0) {
                divisor++;
            }
            if (divisor * divisor > number) {
                var root = Math.pow(number, exponent);
                found.push(((root - Math.floor(root)) * PLACES) | 0);
            }
        }
        return found;
    }

    var START = roots(8, 1 / 2);
    var CONSTANTS = roots(64, 1 / 3);

    function turn(word, by) {
        return (word >>> by) | (word << (32 - by));
    }

    function mix(hash, schedule) {
        var a = hash[0], b = hash[1], c = hash[2], d = hash[3];
        var e = hash[4], f = hash[5], g = hash[6], h = hash[7];
        for (var round = 0; round < 64; round++) {
            if (round >= 16) {
                var early = schedule[round - 15], late = schedule[round - 2];
                schedule[round] = (schedule[round - 16] + schedule[round - 7] +
                    (turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)) +
                    (turn(late, 17) ^ turn(late, 19) ^ (late >>> 10))) | 0;
            }
            var first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) +
                CONSTANTS[round] + schedule[round]) | 0;
            var second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
            h = g; g = f; f = e; e = (d + first) | 0;
            d = c; c = b; b = a; a = (first + second) | 0;
        }
        [a, b, c, d, e, f, g, h].forEach(function (word, index) { hash[index] = (hash[index] + word) | 0; });
    }

    return function (message) {
        var bytes = CryptoJS.bytes.of(message);
        var bits = bytes.length * 8;
        bytes.push(0x80);
        while (bytes.length % 64 !== 56) {
            bytes.push(0);
        }
        var words = CryptoJS.bytes.pack(bytes).words;
        words.push(Math.floor(bits / PLACES), bits | 0);
        var hash = START.slice();
        for (var block = 0; block < words.length; block += 16) {
            mix(hash, words.slice(block, block + 16));
        }
        return CryptoJS.lib.WordArray.create(hash, 32);
    };
}());
