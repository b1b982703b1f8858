/*
 * The part of axios that the client uses: `axios({ method, url, headers, params, data, responseType, timeout })` gives a
 * promise of `{ data, status, statusText, headers, config }`, which is rejected for a status that is no success.
 * Over fetch where there is one, otherwise over XMLHttpRequest.
 */
var axios = (function (root) {
    'use strict';

    function address(config) {
        var pairs = [];
        Object.keys(config.params || {}).forEach(function (name) {
            [].concat(config.params[name]).forEach(function (value) {
                if (value !== undefined && value !== null) {
                    pairs.push(encodeURIComponent(name) + '=' + encodeURIComponent(value));
                }
            });
        });
        if (pairs.length === 0) {
            return config.url;
        }
        return config.url + (config.url.indexOf('?') < 0 ? '?' : '&') + pairs.join('&');
    }

    function content(data) {
        var plain = data !== null && typeof data === 'object' &&
            (Array.isArray(data) || Object.prototype.toString.call(data) === '[object Object]');
        return plain ? JSON.stringify(data) : data;
    }

    function understood(data, config) {
        if (typeof data !== 'string' || (config.responseType && config.responseType !== 'json')) {
            return data;
        }
        try {
            return JSON.parse(data);
        } catch (ignored) {
            return data;
        }
    }

    function settle(response, resolve, reject) {
        if (response.status >= 200 && response.status < 300) {
            resolve(response);
            return;
        }
        var error = new Error('Request failed with status code ' + response.status);
        error.config = response.config;
        error.response = response;
        reject(error);
    }

    function failed(message, config) {
        var error = new Error(message);
        error.config = config;
        return error;
    }

    function byFetch(config, resolve, reject) {
        var stop = config.timeout ? new AbortController() : null;
        var timer = stop && setTimeout(function () { stop.abort(); }, config.timeout);
        var init = { method: config.method, headers: config.headers, body: content(config.data) };
        if (stop) {
            init.signal = stop.signal;
        }
        root.fetch(address(config), init).then(function (answer) {
            var headers = {};
            answer.headers.forEach(function (value, name) { headers[name] = value; });
            var read = config.responseType === 'arraybuffer' ? answer.arrayBuffer()
                : config.responseType === 'blob' ? answer.blob() : answer.text();
            return read.then(function (data) {
                return {
                    data: understood(data, config), status: answer.status, statusText: answer.statusText,
                    headers: headers, config: config
                };
            });
        }).then(function (response) {
            clearTimeout(timer);
            settle(response, resolve, reject);
        }, function (cause) {
            clearTimeout(timer);
            reject(failed(stop && stop.signal.aborted ? 'timeout of ' + config.timeout + 'ms exceeded'
                : 'Network Error: ' + cause.message, config));
        });
    }

    function byXmlHttpRequest(config, resolve, reject) {
        var request = new root.XMLHttpRequest();
        request.open(config.method, address(config), true);
        if (config.responseType === 'arraybuffer' || config.responseType === 'blob') {
            request.responseType = config.responseType;
        }
        request.timeout = config.timeout || 0;
        Object.keys(config.headers || {}).forEach(function (name) {
            request.setRequestHeader(name, config.headers[name]);
        });
        request.onload = function () {
            var headers = {};
            request.getAllResponseHeaders().split('\r\n').forEach(function (line) {
                var colon = line.indexOf(':');
                if (colon > 0) {
                    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
                }
            });
            settle({
                data: understood(request.response, config), status: request.status, statusText: request.statusText,
                headers: headers, config: config, request: request
            }, resolve, reject);
        };
        request.onerror = function () { reject(failed('Network Error', config)); };
        request.ontimeout = function () { reject(failed('timeout of ' + config.timeout + 'ms exceeded', config)); };
        request.send(content(config.data));
    }

    return function (config) {
        var whole = {};
        Object.keys(config).forEach(function (name) { whole[name] = config[name]; });
        whole.method = (config.method || 'GET').toUpperCase();
        return new Promise(function (resolve, reject) {
            (typeof root.fetch === 'function' ? byFetch : byXmlHttpRequest)(whole, resolve, reject);
        });
    };
}(typeof globalThis === 'undefined' ? window : globalThis));
