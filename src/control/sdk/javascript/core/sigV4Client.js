var apiGateway = apiGateway || {};
apiGateway.core = apiGateway.core || {};
apiGateway.core.sigV4ClientFactory = {};

/* As RFC 3986 has it: encodeURIComponent leaves some characters that signatures must have encoded. */
apiGateway.core.encode = function (text) {
    'use strict';
    return encodeURIComponent(text).replace(/[!'()*]/g, function (character) {
        return '%' + character.charCodeAt(0).toString(16).toUpperCase();
    });
};

/* Query parameters, in the order of their encoded names and values, as signatures have them. */
apiGateway.core.canonicalQuery = function (queryParams) {
    'use strict';
    var pairs = [];
    Object.keys(queryParams || {}).forEach(function (name) {
        [].concat(queryParams[name]).forEach(function (value) {
            if (value !== undefined && value !== null) {
                pairs.push([apiGateway.core.encode(name), apiGateway.core.encode(value)]);
            }
        });
    });
    pairs.sort(function (one, other) {
        var at = one[0] === other[0] ? 1 : 0;
        return one[at] < other[at] ? -1 : one[at] > other[at] ? 1 : 0;
    });
    return pairs.map(function (pair) { return pair.join('='); }).join('&');
};

apiGateway.core.queryOf = function (queryParams) {
    'use strict';
    var query = apiGateway.core.canonicalQuery(queryParams);
    return query === '' ? '' : '?' + query;
};

/* A request's headers with those that the configuration fills in. */
apiGateway.core.headersOf = function (request, config) {
    'use strict';
    var headers = {};
    var known = {};
    Object.keys(request.headers || {}).forEach(function (name) {
        var value = request.headers[name];
        if (value !== undefined && value !== null) {
            headers[name] = String(value);
            known[name.toLowerCase()] = true;
        }
    });
    if (!known['content-type'] && request.body !== undefined) {
        headers['Content-Type'] = config.defaultContentType || 'application/json';
    }
    if (!known.accept) {
        headers.Accept = config.defaultAcceptType || 'application/json';
    }
    return headers;
};

/* A body as it is sent: texts and bytes as they are, everything else as JSON. */
apiGateway.core.bodyOf = function (request) {
    'use strict';
    var body = request.body;
    var bytes = typeof ArrayBuffer !== 'undefined' && (body instanceof ArrayBuffer || ArrayBuffer.isView(body));
    var blob = typeof Blob !== 'undefined' && body instanceof Blob;
    return body === undefined || typeof body === 'string' || bytes || blob ? body : JSON.stringify(body);
};

/*
 * Signs requests with AWS Signature Version 4 and sends them. Of `config` it needs `endpoint`, `accessKey`, `secretKey`,
 * `region` and `serviceName`; it knows `sessionToken`, `defaultContentType` and `defaultAcceptType`.
 */
apiGateway.core.sigV4ClientFactory.newClient = function (config) {
    'use strict';
    var core = apiGateway.core;
    var client = {};
    if (!config.accessKey || !config.secretKey) {
        return client;
    }
    var region = core.utils.assertDefined(config.region, 'region');
    var service = core.utils.assertDefined(config.serviceName, 'serviceName');
    var endpoint = core.utils.assertDefined(config.endpoint, 'endpoint');

    function hash(body) {
        if (typeof body !== 'string' && body !== undefined) {
            var bytes = body instanceof ArrayBuffer ? new Uint8Array(body)
                : new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
            return CryptoJS.SHA256(CryptoJS.bytes.pack(Array.prototype.slice.call(bytes))).toString();
        }
        return CryptoJS.SHA256(body || '').toString();
    }

    function signature(toSign, date) {
        var key = [date, region, service, 'aws4_request'].reduce(function (key, part) {
            return CryptoJS.HmacSHA256(part, key);
        }, 'AWS4' + config.secretKey);
        return CryptoJS.HmacSHA256(toSign, key).toString(CryptoJS.enc.Hex);
    }

    client.makeRequest = function (request) {
        var verb = core.utils.assertDefined(request.verb, 'verb').toUpperCase();
        var path = core.utils.assertDefined(request.path, 'path');
        var body = core.bodyOf(request);
        var headers = core.headersOf(request, config);
        var time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '');
        headers['x-amz-date'] = time;
        if (config.sessionToken !== undefined && config.sessionToken !== '') {
            headers['x-amz-security-token'] = config.sessionToken;
        }
        // As it is sent: without the port that the scheme has anyway.
        var host = endpoint.toLowerCase().replace(/^(http:.*):80$/, '$1').replace(/^(https:.*):443$/, '$1');
        var signed = { host: host.replace(/^https?:\/\//, '') };
        Object.keys(headers).forEach(function (name) {
            signed[name.toLowerCase()] = headers[name].trim().replace(/\s+/g, ' ');
        });
        var names = Object.keys(signed).sort();
        var list = names.join(';');
        var canonical = [
            verb,
            // Signatures have the path encoded once more than the request, and of slashes in a row only one.
            path.replace(/\/+/g, '/').split('/').map(core.encode).join('/'),
            core.canonicalQuery(request.queryParams),
            names.map(function (name) { return name + ':' + signed[name] + '\n'; }).join(''),
            list,
            hash(body)
        ].join('\n');
        var scope = [time.slice(0, 8), region, service, 'aws4_request'].join('/');
        var toSign = ['AWS4-HMAC-SHA256', time, scope, CryptoJS.SHA256(canonical).toString()].join('\n');
        headers.Authorization = 'AWS4-HMAC-SHA256 Credential=' + config.accessKey + '/' + scope +
            ', SignedHeaders=' + list + ', Signature=' + signature(toSign, time.slice(0, 8));
        return axios({
            method: verb, url: endpoint + path + core.queryOf(request.queryParams), headers: headers, data: body
        });
    };
    return client;
};
