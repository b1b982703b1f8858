var apiGateway = apiGateway || {};
apiGateway.core = apiGateway.core || {};

/* What the client asks of its callers' arguments. */
apiGateway.core.utils = {
    assertDefined: function (object, name) {
        if (object === undefined) {
            throw new Error(name + ' must be defined');
        }
        return object;
    },
    assertParametersDefined: function (params, keys, ignore) {
        if (keys === undefined) {
            return;
        }
        var utils = apiGateway.core.utils;
        var needed = keys.filter(function (key) { return !utils.contains(ignore, key); });
        if (needed.length > 0 && (params === undefined || params === null)) {
            params = {};
        }
        needed.forEach(function (key) {
            var own = Object.prototype.hasOwnProperty.call(params, key);
            utils.assertDefined(own ? params[key] : undefined, key);
        });
    },
    parseParametersToObject: function (params, keys) {
        var object = Object.create(null);
        keys.forEach(function (key) {
            if (params !== undefined && params !== null && Object.prototype.hasOwnProperty.call(params, key)) {
                object[key] = params[key];
            }
        });
        return object;
    },
    contains: function (list, value) {
        return list !== undefined && list.indexOf(value) >= 0;
    },
    copy: function (object) {
        return apiGateway.core.utils.mergeInto({}, object);
    },
    mergeInto: function (base, additional) {
        var merged = {};
        [base, additional].forEach(function (object) {
            Object.keys(object || {}).forEach(function (key) { merged[key] = object[key]; });
        });
        return merged;
    }
};
