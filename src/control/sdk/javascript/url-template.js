/* The part of URI templates (RFC 6570) that paths need: `{name}`, and `{+name}`, which takes slashes as well. */
var uritemplate = function (template) {
    'use strict';
    function encoded(value) {
        return encodeURIComponent(value).replace(/[!'()*]/g, function (character) {
            return '%' + character.charCodeAt(0).toString(16).toUpperCase();
        });
    }
    return {
        expand: function (values) {
            return template.replace(/\{(\+?)([^{}]+)\}/g, function (found, greedy, name) {
                var value = Object.prototype.hasOwnProperty.call(values, name) ? values[name] : undefined;
                if (value === undefined || value === null) {
                    return '';
                }
                return greedy ? String(value).split('/').map(encoded).join('/') : encoded(value);
            });
        }
    };
};
