export declare const Any: RegExp
export declare const Cc: RegExp
export declare const Cf: RegExp
export declare const P: RegExp
export declare const S: RegExp
export declare const Z: RegExp
